using Gemma2.Service.Batches;
using Microsoft.Azure.Functions.Worker;

namespace Gemma2.Functions.Hosts.Worker;

/// <summary>Looks after batches every minute, in one replica of all.</summary>
internal sealed class SweepFunction(Sweeper sweeper)
{
    private const string Name = "Sweep";

    // As often as Sweeper.Interval. A time that was missed, as while no replica ran, is not made up for: the next one does its work.
    private const string EveryMinute = "0 * * * * *";

    /// <summary>
    /// Whether the settings turn the function off, as any of a Functions app: Container Apps makes a scale rule of a timer, and one that fires every minute would
    /// keep a GPU awake for good. Then each process sweeps for itself.
    /// </summary>
    public static bool IsDisabled(IConfiguration configuration) =>
        new[] { $"AzureWebJobs:{Name}:Disabled", $"AzureWebJobs.{Name}.Disabled" }.Any(key => configuration[key] is "1" || (bool.TryParse(configuration[key], out bool off) && off));

    /// <summary>Does what is due.</summary>
    [Function(Name)]
    public Task RunAsync([TimerTrigger(EveryMinute, UseMonitor = false)] TimerInfo timer, CancellationToken cancellationToken) => sweeper.RunAsync(cancellationToken);
}
