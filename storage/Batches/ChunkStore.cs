using Azure;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace Gemma2.Storage.Batches;

/// <summary>The chunks of batches: claimed by one worker at a time, <c>KEY/chunks/00012</c>, and their results, <c>KEY/results/00012.*.jsonl</c>, written once.</summary>
/// <param name="connection">The storage account.</param>
/// <param name="lease">How long a worker may be silent before another may take its chunk.</param>
public sealed class ChunkStore(StorageConnection connection, TimeSpan lease)
{
    /// <summary>The metadata of results that counts the lines that had no time.</summary>
    internal const string ExpiredKey = "expired";

    /// <summary>Takes a chunk for this worker, also from one that has been silent for longer than the lease.</summary>
    /// <returns>The claim, or null and how long the worker that has it may still be silent.</returns>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<(ChunkClaim? Claim, TimeSpan BusyFor)> TryClaimAsync(OwnedId batch, int chunk, CancellationToken cancellationToken)
    {
        BlockBlobClient blob = Blob(BatchBlobs.Chunk(batch, chunk));
        string worker = ChunkClaim.NewWorker();
        while (true)
        {
            var first = new ClaimState(worker, 1, 1, default);
            if (await TryCreateAsync(blob, first, cancellationToken) is { } created) return (new ChunkClaim(connection, blob, lease, first, created, [], []), default);
            if (await TryReadAsync(blob, cancellationToken) is not { } there) continue;
            ClaimState state = ClaimState.Read(there.Metadata);
            ETag? version = there.ETag;
            if (state.Worker != worker)
            {
                TimeSpan busyFor = state.Worker is null ? TimeSpan.Zero : there.LastModified + lease - connection.UtcNow;
                if (busyFor > TimeSpan.Zero) return (null, busyFor);
                state = state with { Worker = worker, Version = state.Version + 1, Attempts = state.Attempts + 1 };
                version = await TryTakeOverAsync(blob, state, there.ETag, cancellationToken);
            }
            // Else an earlier try took effect, and its reply was lost.
            if (version is { } mine && await TryLoadAsync(blob, state, mine, cancellationToken) is { } claim) return (claim, default);
        }
    }

    /// <summary>Whether a chunk has its results.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<bool> HasResultsAsync(OwnedId batch, int chunk, CancellationToken cancellationToken) =>
        await TryReadAsync(Blob(BatchBlobs.Output(batch, chunk)), cancellationToken) is not null;

    /// <summary>Writes a chunk's results in the order of its lines, unless they are there. The output comes last: with it the chunk is done.</summary>
    /// <param name="batch">Whose and which batch.</param>
    /// <param name="chunk">Which chunk.</param>
    /// <param name="lines">All its lines, as its claim has stored them.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task WriteResultsAsync(OwnedId batch, int chunk, IReadOnlyList<ChunkLine> lines, CancellationToken cancellationToken)
    {
        ChunkLine[] ordered = [.. lines.OrderBy(line => line.Line)];
        var metadata = new Dictionary<string, string>();
        ChunkTally.Of(ordered).WriteTo(metadata);
        BlobNumbers.Write(metadata, ExpiredKey, ordered.Count(line => line.Expired));
        await WriteOnceAsync(BatchBlobs.Errors(batch, chunk), ToJsonLines(ordered.Where(line => !line.Ok)), metadata, cancellationToken);
        await WriteOnceAsync(BatchBlobs.Output(batch, chunk), ToJsonLines(ordered.Where(line => line.Ok)), metadata, cancellationToken);
    }

    private static byte[] ToJsonLines(IEnumerable<ChunkLine> lines)
    {
        using var stream = new MemoryStream();
        foreach (ChunkLine line in lines)
        {
            stream.Write(line.Output.Span);
            stream.WriteByte((byte)'\n');
        }
        return stream.ToArray();
    }

    private async Task<ETag?> TryCreateAsync(BlockBlobClient blob, ClaimState state, CancellationToken cancellationToken)
    {
        var options = new BlobUploadOptions { Metadata = state.ToMetadata(), Conditions = new BlobRequestConditions { IfNoneMatch = ETag.All } };
        try
        {
            return (await RunAsync(blob, token => blob.UploadAsync(Stream.Null, options, token), cancellationToken)).Value.ETag;
        }
        catch (StorageException e) when (e.Code is "BlobAlreadyExists" or "ConditionNotMet")
        {
            return null;
        }
    }

    private async Task<ETag?> TryTakeOverAsync(BlockBlobClient blob, ClaimState state, ETag version, CancellationToken cancellationToken)
    {
        var unchanged = new BlobRequestConditions { IfMatch = version };
        try
        {
            return (await RunAsync(blob, token => blob.SetMetadataAsync(state.ToMetadata(), unchanged, token), cancellationToken)).Value.ETag;
        }
        catch (StorageException e) when (e.Code is "ConditionNotMet" or "BlobNotFound")
        {
            return null;
        }
    }

    private async Task<ChunkClaim?> TryLoadAsync(BlockBlobClient blob, ClaimState state, ETag version, CancellationToken cancellationToken)
    {
        try
        {
            var unchanged = new BlobRequestConditions { IfMatch = version };
            BlobDownloadResult content = await RunAsync(
                blob, async token => (await blob.DownloadContentAsync(new BlobDownloadOptions { Conditions = unchanged }, token)).Value, cancellationToken);
            BlockList blocks = await RunAsync(
                blob, async token => (await blob.GetBlockListAsync(BlockListTypes.Committed, cancellationToken: token)).Value, cancellationToken);
            return new ChunkClaim(
                connection, blob, lease, state, version, [.. blocks.CommittedBlocks.Select(block => block.Name)], ChunkCheckpoint.Read(content.Content.ToMemory(), blob.Name));
        }
        catch (StorageException e) when (e.Code is "ConditionNotMet" or "BlobNotFound")
        {
            // Another worker was faster to take it than this one to read it.
            return null;
        }
    }

    private async Task<BlobProperties?> TryReadAsync(BlockBlobClient blob, CancellationToken cancellationToken)
    {
        try
        {
            return await RunAsync(blob, async token => (await blob.GetPropertiesAsync(cancellationToken: token)).Value, cancellationToken);
        }
        catch (StorageException e) when (e.Code == "BlobNotFound")
        {
            return null;
        }
    }

    private async Task WriteOnceAsync(string name, byte[] content, Dictionary<string, string> metadata, CancellationToken cancellationToken)
    {
        BlockBlobClient blob = Blob(name);
        var options = new BlobUploadOptions { Metadata = metadata, Conditions = new BlobRequestConditions { IfNoneMatch = ETag.All } };
        try
        {
            await RunAsync(blob, token => blob.UploadAsync(new MemoryStream(content), options, token), cancellationToken);
        }
        catch (StorageException e) when (e.Code is "BlobAlreadyExists" or "ConditionNotMet")
        {
            // An earlier try of this call, or another worker, wrote the same bytes.
        }
    }

    private Task<T> RunAsync<T>(BlockBlobClient blob, Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        connection.Pipeline.RunAsync($"Working on blob {StorageNames.Batches}/{blob.Name}", call, cancellationToken);

    private BlockBlobClient Blob(string name) => connection.Blobs.GetBlobContainerClient(StorageNames.Batches).GetBlockBlobClient(name);
}
