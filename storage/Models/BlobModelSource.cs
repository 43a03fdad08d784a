using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Gemma2.Backend;
using Gemma2.Backend.Formats.Files;
using Gemma2.Storage.Models.Cache;
using Gemma2.Storage.Models.Ranges;

namespace Gemma2.Storage.Models;

/// <summary>
/// A model in blob storage. Files are read in parallel ranges, pinned to the blob's ETag, and checked against the manifest block by block;
/// nothing is written to disk but by the cache.
/// </summary>
/// <param name="connection">The storage account.</param>
/// <param name="name">The model's name in the container.</param>
/// <param name="cache">Where blocks are kept and read again; null keeps none.</param>
/// <exception cref="ModelException">The name is not allowed.</exception>
public sealed class BlobModelSource(StorageConnection connection, string name, ModelCache? cache = null) : IModelSource
{
    private readonly BlobContainerClient _container = connection.Blobs.GetBlobContainerClient(StorageNames.Models);
    private IReadOnlyDictionary<string, ModelFile>? _files;

    /// <inheritdoc/>
    public string Name { get; } = Valid(name);

    /// <summary>Names the version that is read, as <see cref="StoredModelVersion"/> does; null before anything was.</summary>
    public string? Version { get; private set; }

    /// <summary>The first thing that kept the cache from its work; null for none.</summary>
    public string? CacheProblem => cache?.Problem;

    /// <summary>What all files share.</summary>
    internal Link Link { get; init; } = new(TimeProvider.System);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyDictionary<string, long>> ListAsync(CancellationToken cancellationToken) =>
        (await FilesAsync(cancellationToken)).ToDictionary(file => file.Key, file => file.Value.Size, StringComparer.Ordinal);

    /// <inheritdoc/>
    public async ValueTask<IModelFile> OpenAsync(string file, CancellationToken cancellationToken)
    {
        IReadOnlyDictionary<string, ModelFile> files = await FilesAsync(cancellationToken);
        if (!files.TryGetValue(file, out ModelFile? expected)) throw new ModelException($"Model '{Name}' has no file '{file}'.");
        BlobClient blob = _container.GetBlobClient($"{Name}/{file}");
        BlobProperties properties = await RunAsync(file, 0, async token => (await blob.GetPropertiesAsync(cancellationToken: token)).Value, cancellationToken);
        if (properties.ContentLength != expected.Size)
            throw new ModelException($"{Name}/{file} is {properties.ContentLength} bytes long, {ModelManifest.FileName} says {expected.Size}.");

        Link.Slow.Expect(expected.Size);
        Task Fetch(RangeRead range, CancellationToken token) => FetchAsync(file, blob, properties.ETag, range, token);
        CacheEntry? cached = expected is { Size: > 0, Blocks: { } blocks } ? cache?.TryOpen(expected.Sha256, expected.Size, blocks.Sha256.Count) : null;
        return new BlobModelFile($"{Name}/{file}", expected, (offset, buffer, token) => Link.ReadAsync(offset, buffer, Fetch, token), cached);
    }

    /// <summary>The model's files as its manifest names them.</summary>
    internal async ValueTask<IReadOnlyDictionary<string, ModelFile>> FilesAsync(CancellationToken cancellationToken)
    {
        if (_files is not null) return _files;
        ReadOnlyMemory<byte>? json = await SmallBlobs.TryReadAsync(
            connection, StorageNames.Models, $"{Name}/{ModelManifest.FileName}", ModelManifest.MaxBytes, cancellationToken);
        if (json is null) throw await NotThereAsync(cancellationToken);
        Version = StoredModelVersion.Of(json.Value.Span);
        ModelManifest manifest = ModelManifest.Parse(Name, json.Value.Span);
        return _files = manifest.Files.ToDictionary(file => file.Name, StringComparer.Ordinal);
    }

    private async Task FetchAsync(string file, BlobClient blob, ETag version, RangeRead range, CancellationToken cancellationToken)
    {
        await RunAsync(
            file,
            (long)Link.Pace.Limit * range.Length,
            async token =>
            {
                try
                {
                    return await BlobRange.ReadAsync(blob, version, range.Offset, range.Rest, range.Advance, token);
                }
                catch (Exception e) when (!cancellationToken.IsCancellationRequested && IsTooMuch(e))
                {
                    Link.Pace.Refused();
                    throw;
                }
            },
            cancellationToken);
    }

    /// <summary>Storage cannot serve as much as is asked of it, or does not come to it in time.</summary>
    private static bool IsTooMuch(Exception e) => e is OperationCanceledException or RequestFailedException { Status: 408 or 429 or >= 500 };

    private async Task<ModelException> NotThereAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<string> models = await new ModelStore(connection).ListAsync(cancellationToken);
        string there = models.Count == 0 ? "none is" : $"there are: {string.Join(", ", models)}";
        return new ModelException($"Model '{Name}' is not in the container '{StorageNames.Models}' ({there}).");
    }

    /// <summary>Says in a model's terms what an answer of storage means for one of its files.</summary>
    private async Task<T> RunAsync<T>(string file, long bytes, Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await connection.Pipeline.TransferAsync($"Reading blob {StorageNames.Models}/{Name}/{file}", bytes, call, cancellationToken);
        }
        catch (StorageException e) when (e.IsMissing)
        {
            throw new ModelException($"{Name}/{file} is missing in storage although {ModelManifest.FileName} names it.", e);
        }
        catch (StorageException e) when (e.Status == 412)
        {
            throw new ModelException($"{Name}/{file} was replaced or deleted in storage while it was read.", e);
        }
    }

    private static string Valid(string name)
    {
        ModelName.Validate(name);
        return name;
    }
}
