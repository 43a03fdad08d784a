namespace Gemma2.Chaos.Tests.Work;

/// <summary>Tries a call until it works.</summary>
internal static class Persistence
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    /// <summary>Tries a call until it works; what is no fault of the way to the service is thrown.</summary>
    public static async Task<T> UntilItWorksAsync<T>(Func<Task<T>> call, Func<Exception, bool> isFault, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await call();
            }
            catch (Exception error) when (isFault(error) && !cancellationToken.IsCancellationRequested)
            {
                await Task.Delay(Pause, cancellationToken);
            }
        }
    }
}
