using Azure;

namespace Gemma2.Storage.Batches;

/// <summary>A batch that has not ended, as its marker tells of it.</summary>
/// <param name="Key">Whose and which batch.</param>
/// <param name="ExpiresAt">When its window ends.</param>
/// <param name="Chunks">How many chunks it has, once all are queued; 0 before.</param>
/// <param name="IsBeingSplit">Whether a worker has begun to split it.</param>
/// <param name="ChangedAt">When the marker was last changed, by storage's clock.</param>
public sealed record ActiveBatch(OwnedId Key, DateTimeOffset ExpiresAt, int Chunks, bool IsBeingSplit, DateTimeOffset ChangedAt)
{
    /// <summary>Its input: as long as the marker is there, the input stays.</summary>
    internal string? Input { get; init; }

    /// <summary>Changes with every change of the marker.</summary>
    internal ETag? Version { get; init; }
}
