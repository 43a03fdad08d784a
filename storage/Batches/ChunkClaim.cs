using System.Diagnostics;
using System.Globalization;
using System.Text;
using Azure;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace Gemma2.Storage.Batches;

/// <summary>
/// A chunk that is this worker's as long as nobody takes it over: the lines that have results, and the way to add more. Every change is of the version
/// that this worker made last, so that of two workers only one can go on. Not for several threads at once.
/// </summary>
public sealed class ChunkClaim
{
    private readonly StorageConnection _connection;
    private readonly BlockBlobClient _blob;
    private readonly List<string> _blocks;
    private readonly List<ChunkLine> _lines;
    private readonly TimeSpan _lease;
    private ClaimState _state;
    private ETag _version;
    private long _changedAt = Stopwatch.GetTimestamp();

    internal ChunkClaim(
        StorageConnection connection, BlockBlobClient blob, TimeSpan lease, ClaimState state, ETag version, List<string> blocks, List<ChunkLine> lines)
    {
        (_connection, _blob, _lease, _state, _version, _blocks, _lines) = (connection, blob, lease, state, version, blocks, lines);
        Attempts = state.Attempts;
    }

    /// <summary>Which claim this is since a line of the chunk last got its result, from 1.</summary>
    public int Attempts { get; }

    /// <summary>The lines that have results which cannot be lost any more, in the order in which they got them.</summary>
    public IReadOnlyList<ChunkLine> Lines => _lines;

    /// <summary>True when it is time for a <see cref="HeartbeatAsync"/>: early enough that a failed try or two do not lose the chunk.</summary>
    public bool NeedsHeartbeat => Stopwatch.GetElapsedTime(_changedAt) > _lease / 4;

    /// <summary>Stores results: when this returns they cannot be lost any more.</summary>
    /// <exception cref="ClaimLostException">The chunk has become another worker's.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task AppendAsync(IReadOnlyCollection<ChunkLine> lines, CancellationToken cancellationToken)
    {
        string block = BlockId(_state.Worker!, _state.Version + 1);
        byte[] content = ChunkCheckpoint.Write(lines);
        await RunAsync(token => _blob.StageBlockAsync(block, new MemoryStream(content), cancellationToken: token), cancellationToken);
        ClaimState next = _state with { Version = _state.Version + 1, Attempts = 0, Tally = _state.Tally.Plus(ChunkTally.Of(lines)) };
        await ChangeAsync(next, async (metadata, unchanged, token) =>
        {
            var options = new CommitBlockListOptions { Metadata = metadata, Conditions = unchanged };
            return (await _blob.CommitBlockListAsync([.. _blocks, block], options, token)).Value.ETag;
        }, cancellationToken);
        _blocks.Add(block);
        _lines.AddRange(lines);
    }

    /// <summary>Says that the worker lives.</summary>
    /// <exception cref="ClaimLostException">The chunk has become another worker's.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task HeartbeatAsync(CancellationToken cancellationToken) => ChangeMetadataAsync(_state with { Version = _state.Version + 1 }, cancellationToken);

    /// <summary>Gives the chunk to whoever wants it next. What ended this claim was no fault of a line: it is not counted.</summary>
    /// <exception cref="ClaimLostException">The chunk had become another worker's.</exception>
    /// <exception cref="StorageException">Storage failed: others must wait until the lease is over.</exception>
    public Task ReleaseAsync(CancellationToken cancellationToken) => ChangeMetadataAsync(
        _state with { Worker = null, Version = _state.Version + 1, Attempts = Math.Max(_state.Attempts - 1, 0) }, cancellationToken);

    internal static string NewWorker() => Guid.NewGuid().ToString("N");

    // All of a blob's block ids have one length; a worker's name in them keeps two workers' blocks apart.
    private static string BlockId(string worker, long version) =>
        Convert.ToBase64String(Encoding.ASCII.GetBytes(worker + version.ToString("D10", CultureInfo.InvariantCulture)));

    private Task ChangeMetadataAsync(ClaimState next, CancellationToken cancellationToken) => ChangeAsync(
        next,
        async (metadata, unchanged, token) => (await _blob.SetMetadataAsync(metadata, unchanged, token)).Value.ETag,
        cancellationToken);

    private async Task ChangeAsync(
        ClaimState next, Func<Dictionary<string, string>, BlobRequestConditions, CancellationToken, Task<ETag>> change, CancellationToken cancellationToken)
    {
        try
        {
            var unchanged = new BlobRequestConditions { IfMatch = _version };
            _version = await RunAsync(token => change(next.ToMetadata(), unchanged, token), cancellationToken);
        }
        catch (StorageException e) when (e.Code is "ConditionNotMet" or "InvalidBlockList" or "BlobNotFound")
        {
            // Another worker's change, or this one's own: an earlier try took effect, its reply was lost.
            _version = await TryFindAsync(next, cancellationToken) ?? throw new ClaimLostException(_blob.Name);
        }
        _state = next;
        _changedAt = Stopwatch.GetTimestamp();
    }

    private async Task<ETag?> TryFindAsync(ClaimState state, CancellationToken cancellationToken)
    {
        try
        {
            BlobProperties there = await RunAsync(async token => (await _blob.GetPropertiesAsync(cancellationToken: token)).Value, cancellationToken);
            return ClaimState.Read(there.Metadata) == state ? there.ETag : null;
        }
        catch (StorageException e) when (e.IsMissing)
        {
            return null;
        }
    }

    private Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        _connection.Pipeline.RunAsync($"Changing chunk {_blob.Name}", call, cancellationToken);
}
