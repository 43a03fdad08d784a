using Gemma2.PlayedHost.App;
using Gemma2.PlayedHost.Workers;

namespace Gemma2.PlayedHost.Triggers;

/// <summary>The triggers that the host itself runs: those of queues and timers.</summary>
internal sealed class TriggerSet(AppFolder folder, HostOptions options, WorkerSupervisor workers)
{
    private readonly Dictionary<string, TimerTrigger> _timers = [];

    /// <summary>Runs them, as soon as a worker has said which there are, until they are to take no more; then waits for what they have taken.</summary>
    /// <exception cref="PlayedHostException">One of them cannot be run.</exception>
    public async Task RunAsync(CancellationToken takeNoMore)
    {
        IReadOnlyList<Function> functions;
        try
        {
            functions = (await workers.GetAsync(takeNoMore)).Functions;
        }
        catch (OperationCanceledException) when (takeNoMore.IsCancellationRequested)
        {
            return;
        }
        foreach (Function function in OfType(functions, "timerTrigger")) _timers[function.Name] = TimerTrigger.Create(function, workers);
        QueueTrigger[] queues = [.. OfType(functions, "queueTrigger").Select(function => QueueTrigger.Create(function, folder.Queues, options.Lease, workers))];
        await Task.WhenAll([.. _timers.Values.Select(timer => timer.RunAsync(takeNoMore)), .. queues.Select(queue => queue.RunAsync(takeNoMore))]);
    }

    /// <summary>The trigger of a timer's function; null where there is none of that name.</summary>
    public TimerTrigger? FindTimer(string function) => _timers.GetValueOrDefault(function);

    private static IEnumerable<Function> OfType(IReadOnlyList<Function> functions, string type) => functions.Where(function => function.TriggerType == type);
}
