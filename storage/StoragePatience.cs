namespace Gemma2.Storage;

/// <summary>
/// How long calls are tried that storage does not answer. Who waits for an answer is told soon that there is none; work in hand waits longer, since it would be
/// lost, and nobody else could go on with it either.
/// </summary>
public static class StoragePatience
{
    /// <summary>For work in hand.</summary>
    public static readonly TimeSpan OfWork = TimeSpan.FromMinutes(5);

    private static readonly AsyncLocal<TimeSpan?> Flow = new();

    /// <summary>The patience of calls that are made from here on in this asynchronous method, and in those that it calls.</summary>
    public static void Set(TimeSpan patience) => Flow.Value = patience;

    /// <summary>What was set last, or that of a client who waits.</summary>
    internal static TimeSpan Of(StorageRetryOptions options) => Flow.Value ?? options.Patience;
}
