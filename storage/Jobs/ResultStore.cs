using Gemma2.Backend;

namespace Gemma2.Storage.Jobs;

/// <summary>Results in the container <c>completions</c>, one blob <c>KEY.json</c> for each job, written once.</summary>
/// <param name="connection">The storage account.</param>
public sealed class ResultStore(StorageConnection connection)
{
    /// <summary>A result is at most this long.</summary>
    public const int MaxBytes = 64 << 20;

    /// <summary>Stores a job's result unless it has one: the first stays, whoever else worked on the same message.</summary>
    /// <exception cref="InvalidRequestException">The owner or id is not allowed.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<WriteOutcome> WriteOnceAsync(OwnedId key, ReadOnlyMemory<byte> json, CancellationToken cancellationToken) =>
        SmallBlobs.WriteOnceAsync(connection, StorageNames.Completions, BlobName(key), json, cancellationToken);

    /// <summary>Reads a job's result; null when it has none yet.</summary>
    /// <exception cref="InvalidRequestException">The owner or id is not allowed.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<ReadOnlyMemory<byte>?> TryReadAsync(OwnedId key, CancellationToken cancellationToken) =>
        SmallBlobs.TryReadAsync(connection, StorageNames.Completions, BlobName(key), MaxBytes, cancellationToken);

    /// <summary>The name of a job's result within the container.</summary>
    /// <exception cref="InvalidRequestException">The owner or id is not allowed.</exception>
    public static string BlobName(OwnedId key) => $"{key.Validated().Path}.json";
}
