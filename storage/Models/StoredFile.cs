using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Gemma2.Backend;

namespace Gemma2.Storage.Models;

/// <summary>A file of a model in storage, pinned to the version that it has when it is opened.</summary>
internal sealed class StoredFile : SourceFile
{
    private readonly StorageConnection _connection;
    private readonly BlobClient _blob;
    private readonly ETag _version;

    private StoredFile(StorageConnection connection, BlobClient blob, ETag version, ModelFile file)
        : base(file.Name, file.Size, ContentHash.Sha256(file.Sha256)) =>
        (_connection, _blob, _version) = (connection, blob, version);

    /// <inheritdoc/>
    public override string Label => _blob.Name;

    /// <summary>Finds the blob that a manifest names.</summary>
    /// <exception cref="ModelException">It is not there, or has another length.</exception>
    public static async Task<StoredFile> OpenAsync(StorageConnection connection, string model, ModelFile file, CancellationToken cancellationToken)
    {
        BlobClient blob = connection.Blobs.GetBlobContainerClient(StorageNames.Models).GetBlobClient($"{model}/{file.Name}");
        BlobProperties properties = await RunAsync(connection, blob, 0, async token => (await blob.GetPropertiesAsync(cancellationToken: token)).Value, cancellationToken);
        if (properties.ContentLength != file.Size)
            throw new ModelException($"{blob.Name} is {properties.ContentLength} bytes long, {ModelManifest.FileName} says {file.Size}.");
        return new StoredFile(connection, blob, properties.ETag, file);
    }

    /// <inheritdoc/>
    public override async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken) =>
        await RunAsync(_connection, _blob, (long)BlocksAtOnce * BlockBytes, token => BlobRange.ReadAsync(_blob, _version, offset, buffer, token), cancellationToken);

    /// <summary>Says in a model's terms what an answer of storage means for one of its files.</summary>
    private static async Task<T> RunAsync<T>(StorageConnection connection, BlobClient blob, long bytes, Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await connection.Pipeline.TransferAsync($"Reading blob {StorageNames.Models}/{blob.Name}", bytes, call, cancellationToken);
        }
        catch (StorageException e) when (e.IsMissing)
        {
            throw new ModelException($"{blob.Name} is missing in storage although {ModelManifest.FileName} names it.", e);
        }
        catch (StorageException e) when (e.Status == 412)
        {
            throw new ModelException($"{blob.Name} was replaced or deleted in storage while it was read.", e);
        }
    }
}
