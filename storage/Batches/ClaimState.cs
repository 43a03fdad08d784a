namespace Gemma2.Storage.Batches;

/// <summary>A chunk's claim as the metadata of its blob.</summary>
/// <param name="Worker">Names the claim, not the machine: no two are the same. Null when nobody has the chunk.</param>
/// <param name="Version">Grows with each change that the worker makes: by it a worker knows a change of its own whose reply was lost.</param>
/// <param name="Attempts">How often the chunk was claimed since a line of it last got its result.</param>
/// <param name="Tally">The results that the blob holds.</param>
internal sealed record ClaimState(string? Worker, long Version, int Attempts, ChunkTally Tally)
{
    private const string WorkerKey = "worker";
    private const string VersionKey = "version";
    private const string AttemptsKey = "attempts";

    public static ClaimState Read(IDictionary<string, string> metadata) => new(
        metadata.TryGetValue(WorkerKey, out string? worker) ? worker : null,
        BlobNumbers.Read(metadata, VersionKey),
        (int)Math.Min(BlobNumbers.Read(metadata, AttemptsKey), int.MaxValue),
        ChunkTally.Read(metadata));

    public Dictionary<string, string> ToMetadata()
    {
        var metadata = new Dictionary<string, string>();
        if (Worker is not null) metadata[WorkerKey] = Worker;
        BlobNumbers.Write(metadata, VersionKey, Version);
        BlobNumbers.Write(metadata, AttemptsKey, Attempts);
        Tally.WriteTo(metadata);
        return metadata;
    }
}
