using System.Collections.Concurrent;
using Gemma2.Service.Limits;
using Gemma2.Service.Options;

namespace Gemma2.Service.Batches;

/// <summary>
/// How many tokens the lines of a key's batches may take within a minute, of this process. A line that would be too early waits: it begins when those before it are paid for, and pays
/// for what it took when it has ended. So it is over time that the limit holds; in one minute, as many lines more may run as run at once.
/// </summary>
internal sealed class BatchTokens(Gemma2Options options, TimeProvider time)
{
    private const string NoKey = "";

    private readonly ConcurrentDictionary<string, MinuteBucket> _buckets = [];

    /// <summary>Waits until a line of that owner may begin.</summary>
    public async Task WaitAsync(string? owner, CancellationToken cancellationToken)
    {
        while (Of(owner)?.UntilOne is { } wait && wait > TimeSpan.Zero)
            await Task.Delay(wait, time, cancellationToken);
    }

    /// <summary>A line of that owner has ended.</summary>
    public void Pay(string? owner, long tokens) => Of(owner)?.Pay(tokens);

    private MinuteBucket? Of(string? owner) =>
        options.BatchTokensPerMinute > 0 ? _buckets.GetOrAdd(owner ?? NoKey, _ => new MinuteBucket(options.BatchTokensPerMinute, time)) : null;
}
