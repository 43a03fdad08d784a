using System.Text.Json;
using Gemma2.PlayedHost.App;
using Gemma2.PlayedHost.Protocol;
using Gemma2.PlayedHost.Workers;
using NCrontab;

namespace Gemma2.PlayedHost.Triggers;

/// <summary>Invokes a function when its schedule says so.</summary>
/// <param name="function">The function.</param>
/// <param name="schedule">When.</param>
/// <param name="isMonitored">Whether the host remembers when it was invoked.</param>
/// <param name="workers">Who runs the function.</param>
internal sealed class TimerTrigger(Function function, CrontabSchedule schedule, bool isMonitored, WorkerSupervisor workers)
{
    private const int FieldsWithSeconds = 6;

    /// <summary>Reads a function's trigger.</summary>
    /// <exception cref="PlayedHostException">Its schedule cannot be read.</exception>
    public static TimerTrigger Create(Function function, WorkerSupervisor workers)
    {
        string text = function.Trigger.GetProperty("schedule").GetString()!;
        var options = new CrontabSchedule.ParseOptions { IncludingSeconds = text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length == FieldsWithSeconds };
        CrontabSchedule schedule = CrontabSchedule.TryParse(text, options) ?? throw new PlayedHostException($"Function {function.Name}: '{text}' is no schedule.");
        return new TimerTrigger(function, schedule, function.Trigger.Find("useMonitor")?.GetBoolean() ?? true, workers);
    }

    /// <summary>Invokes until it is told to stop.</summary>
    public async Task RunAsync(CancellationToken takeNoMore)
    {
        try
        {
            while (true)
            {
                DateTime next = schedule.GetNextOccurrence(DateTime.UtcNow);
                await Task.Delay(Max(next - DateTime.UtcNow, TimeSpan.Zero), takeNoMore);
                await InvokeAsync(takeNoMore);
            }
        }
        catch (OperationCanceledException) when (takeNoMore.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    /// <summary>Invokes it now.</summary>
    public async Task InvokeAsync(CancellationToken cancellationToken)
    {
        Worker worker = await workers.GetAsync(cancellationToken);
        DateTime now = DateTime.UtcNow;
        string json = JsonSerializer.Serialize(new
        {
            ScheduleStatus = isMonitored ? new { Last = now, Next = schedule.GetNextOccurrence(now), LastUpdated = now } : null,
            IsPastDue = false,
        });
        try
        {
            await worker.InvokeAsync(function, Worker.NewInvocationId(), new TypedData { Json = json });
        }
        catch (WorkerException error)
        {
            Console.WriteLine($"The timer's function has failed. {error.Message.Split('\n')[0].TrimEnd()}");
        }
    }

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
