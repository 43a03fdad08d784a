namespace Gemma2.Backend.Engine;

/// <summary>Two works side by side.</summary>
internal static class BothTasks
{
    /// <summary>Returns when both have ended; the one that fails ends the other, and is the one that is told of.</summary>
    public static async Task RunAsync(Func<CancellationToken, Task> first, Func<CancellationToken, Task> second, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAll(GuardAsync(first), GuardAsync(second)).ConfigureAwait(false);

        async Task GuardAsync(Func<CancellationToken, Task> work)
        {
            try
            {
                await work(stop.Token).ConfigureAwait(false);
            }
            catch
            {
                await stop.CancelAsync().ConfigureAwait(false);
                throw;
            }
        }
    }
}
