using System.Runtime.InteropServices;
using Gemma2.Service.Lifetime;

namespace Gemma2.Functions.Hosts.Worker;

/// <summary>Ends the worker when the host that started it is gone: nobody would ask it anything any more, and it would hold the device.</summary>
internal sealed partial class HostWatch(FatalStop fatalStop) : BackgroundService
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (OperatingSystem.IsWindows())
            return;
        int host = GetParentProcess();
        using var timer = new PeriodicTimer(LookInterval);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                if (GetParentProcess() == host)
                    continue;
                fatalStop.Stop("The Functions host that started this worker is gone.");
                return;
            }
        }
        catch (OperationCanceledException)
        {
            // The app stops.
        }
    }

    // A process whose parent ends gets another one.
    [LibraryImport("libc", EntryPoint = "getppid")]
    private static partial int GetParentProcess();
}
