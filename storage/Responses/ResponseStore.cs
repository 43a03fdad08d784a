using Azure.Storage.Blobs;
using Gemma2.Backend;

namespace Gemma2.Storage.Responses;

/// <summary>Responses in the container <c>responses</c>, one blob <c>KEY.json</c> each, written once.</summary>
/// <param name="connection">The storage account.</param>
public sealed class ResponseStore(StorageConnection connection)
{
    /// <summary>A response with the conversation that it is of is at most this long.</summary>
    public const int MaxBytes = 32 << 20;

    private const string Extension = ".json";

    private readonly BlobContainerClient _container = connection.Blobs.GetBlobContainerClient(StorageNames.Responses);

    /// <summary>Keeps a response; ids are used once.</summary>
    /// <exception cref="InvalidRequestException">The owner or id is not allowed, or the response is too long.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task WriteAsync(OwnedId key, ReadOnlyMemory<byte> json, CancellationToken cancellationToken)
    {
        if (json.Length > MaxBytes)
            throw new InvalidRequestException("store", $"The conversation is {json.Length} bytes long; up to {MaxBytes} are stored. Send store: false, or a shorter one.");
        // One that was there is of an earlier try whose reply was lost.
        await SmallBlobs.WriteOnceAsync(connection, StorageNames.Responses, BlobName(key), json, cancellationToken);
    }

    /// <summary>Reads a response; null when there is none.</summary>
    /// <exception cref="InvalidRequestException">The owner or id is not allowed.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<ReadOnlyMemory<byte>?> TryReadAsync(OwnedId key, CancellationToken cancellationToken) =>
        SmallBlobs.TryReadAsync(connection, StorageNames.Responses, BlobName(key), MaxBytes, cancellationToken);

    /// <summary>Deletes a response; false when there was none.</summary>
    /// <exception cref="InvalidRequestException">The owner or id is not allowed.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<bool> DeleteAsync(OwnedId key, CancellationToken cancellationToken)
    {
        string name = BlobName(key);
        // Looked for first: a delete that is tried again, because its reply was lost, finds nothing.
        bool isThere = await connection.Pipeline.RunAsync(
            $"Looking for blob {StorageNames.Responses}/{name}", async token => (await _container.GetBlobClient(name).ExistsAsync(token)).Value, cancellationToken);
        if (isThere)
            await connection.Pipeline.RunAsync($"Deleting blob {StorageNames.Responses}/{name}", token => _container.DeleteBlobIfExistsAsync(name, cancellationToken: token), cancellationToken);
        return isThere;
    }

    private static string BlobName(OwnedId key) => key.Validated().Path + Extension;
}
