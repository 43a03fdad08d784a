using Gemma2.PlayedHost.App;
using Gemma2.PlayedHost.Triggers;
using Gemma2.PlayedHost.Workers;

namespace Gemma2.PlayedHost;

/// <summary>The host, from its start to its end.</summary>
internal sealed class FunctionsHost(AppFolder folder, HostOptions options)
{
    // After the time for what runs and the worker's own time to stop.
    private static readonly TimeSpan LastTime = TimeSpan.FromSeconds(2);

    /// <summary>Runs until it is told to stop, or until the worker cannot be kept alive.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var takeNoMore = new CancellationTokenSource();
        await using RpcServer rpc = await RpcServer.StartAsync();
        using var workers = new WorkerSupervisor(folder, rpc, options);
        var triggers = new TriggerSet(folder, options, workers);
        await using HttpFront front = await HttpFront.StartAsync(folder, options, workers, new AdminEndpoint(options.MasterKey, triggers));
        Task supervising = workers.RunAsync();
        Task triggering = triggers.RunAsync(takeNoMore.Token);
        try
        {
            await WaitForTheEndAsync(supervising, triggering, stop);
        }
        finally
        {
            Console.WriteLine("The host stops");
            await takeNoMore.CancelAsync();
            await StopAsync(front, workers, triggering);
        }
    }

    private static async Task WaitForTheEndAsync(Task supervising, Task triggering, CancellationToken stop)
    {
        try
        {
            Task ended = await Task.WhenAny(supervising, triggering).WaitAsync(stop);
            await ended;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // It was told to.
        }
    }

    private async Task StopAsync(HttpFront front, WorkerSupervisor workers, Task triggering)
    {
        using var giveUp = new CancellationTokenSource();
        Task working = Task.WhenAll(front.StopAsync(giveUp.Token), triggering);
        await WaitAsync(working, options.DrainTime);
        await workers.StopAsync();
        await WaitAsync(working, LastTime);
        await giveUp.CancelAsync();
    }

    /// <summary>What fails or does not end in time is left alone: the host ends anyway.</summary>
    private static async Task WaitAsync(Task work, TimeSpan time) => await Task.WhenAny(work, Task.Delay(time));
}
