using System.Diagnostics;
using Gemma2.Storage;

namespace Gemma2.Cli.Terminal;

/// <summary>Looks at something in storage until it has ended.</summary>
internal static class Watch
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    // A watch of hours outlives an outage; one that never sees its end does not last for ever.
    private static readonly TimeSpan LongestOutage = TimeSpan.FromMinutes(10);

    /// <summary>Looks again and again, less often the longer it takes: a short job is answered at once, and a long one costs storage little.</summary>
    /// <param name="look">One look.</param>
    /// <param name="hasEnded">True when what was seen will not change any more.</param>
    /// <param name="show">Told of each look.</param>
    /// <param name="trouble">Told when storage does not answer after it has answered once; looking goes on.</param>
    /// <param name="cancellationToken">Ends the watch.</param>
    /// <exception cref="StorageException">Storage did not answer the first look, or for minutes, or it said no.</exception>
    public static async Task<T> UntilAsync<T>(
        Func<CancellationToken, Task<T>> look, Func<T, bool> hasEnded, Action<T> show, Action<StorageException> trouble, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp(), answered = 0;
        while (true)
        {
            try
            {
                T seen = await look(cancellationToken);
                answered = Stopwatch.GetTimestamp();
                show(seen);
                if (hasEnded(seen)) return seen;
            }
            catch (StorageException error) when (answered != 0 && Stopwatch.GetElapsedTime(answered) < LongestOutage && MayPass(error))
            {
                trouble(error);
            }
            await Task.Delay(PauseAfter(Stopwatch.GetElapsedTime(start)), cancellationToken);
        }
    }

    private static bool MayPass(StorageException error) => error.Status is 0 or 408 or 429 or >= 500;

    private static TimeSpan PauseAfter(TimeSpan watched) => TimeSpan.FromTicks(Math.Clamp(watched.Ticks / 20, ShortestPause.Ticks, LongestPause.Ticks));
}
