using Gemma2.Service.Batches;
using Microsoft.Azure.Functions.Worker;

namespace Gemma2.Functions.Hosts.Worker;

/// <summary>Looks after batches every minute, in one replica of all.</summary>
internal sealed class SweepFunction(Sweeper sweeper)
{
    // As often as Sweeper.Interval. A time that was missed, as while no replica ran, is not made up for: the next one does its work.
    private const string EveryMinute = "0 * * * * *";

    /// <summary>Does what is due.</summary>
    [Function("Sweep")]
    public Task RunAsync([TimerTrigger(EveryMinute, UseMonitor = false)] TimerInfo timer, CancellationToken cancellationToken) => sweeper.RunAsync(cancellationToken);
}
