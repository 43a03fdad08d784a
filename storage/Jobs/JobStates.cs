using System.Text.Json;

namespace Gemma2.Storage.Jobs;

/// <summary>The blobs <c>jobs/KEY.json</c>.</summary>
internal sealed class JobStates(StorageConnection connection)
{
    /// <summary>A job's state with its version; null when it has none.</summary>
    public async Task<(JobState State, Azure.ETag Version)?> TryReadAsync(OwnedId key, CancellationToken cancellationToken) =>
        await VersionedBlobs.TryReadAsync(connection, StorageNames.Jobs, BlobName(key), cancellationToken) is { } blob
            ? (Parse(key, blob.Json), blob.Version)
            : null;

    /// <summary>Stores a job's first state unless it has one.</summary>
    public Task<WriteOutcome> CreateAsync(OwnedId key, JobState state, CancellationToken cancellationToken) =>
        SmallBlobs.WriteOnceAsync(connection, StorageNames.Jobs, BlobName(key), ToJson(state), cancellationToken);

    /// <summary>Replaces a state that was read; false when it has changed since.</summary>
    public Task<bool> TryReplaceAsync(OwnedId key, JobState state, Azure.ETag version, CancellationToken cancellationToken) =>
        VersionedBlobs.TryReplaceAsync(connection, StorageNames.Jobs, BlobName(key), ToJson(state), version, cancellationToken);

    /// <summary>Changes a job's state, whoever else does at the same time, and gives it as it then is.</summary>
    /// <param name="key">Which job.</param>
    /// <param name="first">What it is changed from where there is none.</param>
    /// <param name="change">
    /// Gives the state as it shall be, or the same object where there is nothing to do. It is called again on the newer state when another was faster, and
    /// also on its own result when the reply to an earlier try was lost: what has been done already must be nothing to do.
    /// </param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<JobState> UpdateAsync(OwnedId key, JobState first, Func<JobState, JobState> change, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await TryReadAsync(key, cancellationToken) is not var (current, version))
            {
                await CreateAsync(key, change(first), cancellationToken);
                continue;
            }
            JobState changed = change(current);
            if (ReferenceEquals(current, changed) || await TryReplaceAsync(key, changed, version, cancellationToken)) return changed;
        }
    }

    private static string BlobName(OwnedId key) => $"{key.Path}.json";

    private static byte[] ToJson(JobState state) => JsonSerializer.SerializeToUtf8Bytes(state, JobStateJson.Default.JobState);

    private static JobState Parse(OwnedId key, ReadOnlyMemory<byte> json)
    {
        try
        {
            if (JsonSerializer.Deserialize(json.Span, JobStateJson.Default.JobState) is { } state) return state;
        }
        catch (JsonException e)
        {
            throw new StorageException($"The blob {StorageNames.Jobs}/{BlobName(key)} is not a job's state.", inner: e);
        }
        throw new StorageException($"The blob {StorageNames.Jobs}/{BlobName(key)} is not a job's state.");
    }
}
