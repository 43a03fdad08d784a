using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Gemma2.Backend;

namespace Gemma2.Storage.Models;

/// <summary>
/// One push of one model. First all blocks go into storage, where nobody sees them; a model of that name stays as it is meanwhile. Then the old manifest goes, the blobs are
/// made of the blocks, and the new manifest comes last: at no moment does a manifest name bytes that are not there.
/// </summary>
/// <param name="connection">The storage account.</param>
/// <param name="name">The model's name.</param>
/// <param name="progress">Told how far it is, from several threads; may be null.</param>
internal sealed class ModelPush(StorageConnection connection, string name, IProgress<PushProgress>? progress)
{
    private readonly BlobContainerClient _container = connection.Blobs.GetBlobContainerClient(StorageNames.Models);

    /// <summary>Stores files.</summary>
    public async Task<PushResult> RunAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken)
    {
        foreach (SourceFile file in files) ModelName.ValidateFile(name, file.Name);
        Dictionary<string, BlobItem> stored = await BeginAsync(cancellationToken);
        var staged = new List<StagedFile>();
        try
        {
            var meter = new Meter(files.Sum(file => file.Length), progress);
            foreach (SourceFile file in files) staged.Add(await StageAsync(file, stored.GetValueOrDefault(BlobName(file.Name)), meter, cancellationToken));
            return await PutInPlaceAsync(staged, stored, cancellationToken);
        }
        finally
        {
            staged.ForEach(file => file.Upload?.Dispose());
        }
    }

    /// <summary>Stores one file that somebody writes, once, from begin to end.</summary>
    public async Task<PushResult> RunAsync(string file, Func<Stream, Task> write, CancellationToken cancellationToken)
    {
        ModelName.ValidateFile(name, file);
        Dictionary<string, BlobItem> stored = await BeginAsync(cancellationToken);
        BlobItem? there = stored.GetValueOrDefault(BlobName(file));
        using BlockUpload upload = await UploadAsync(file, new ContentHasher($"{name}/{file}", 0, expected: null), cancellationToken);
        await using (var stream = new BlockStream(upload, cancellationToken))
        {
            await write(stream);
            await stream.FinishAsync();
        }
        ModelFile entry = upload.Finish(file);
        StagedFile staged = IsStored(there, entry.Size, entry.Sha256) ? new StagedFile(entry, null, null) : new StagedFile(entry, upload, there?.Properties.ETag);
        return await PutInPlaceAsync([staged], stored, cancellationToken);
    }

    private async Task<Dictionary<string, BlobItem>> BeginAsync(CancellationToken cancellationToken)
    {
        await StorageProvisioning.EnsureContainerAsync(connection, StorageNames.Models, cancellationToken);
        return await ListAsync(cancellationToken);
    }

    private async Task<Dictionary<string, BlobItem>> ListAsync(CancellationToken cancellationToken) =>
        (await ModelBlobs.ListAsync(connection, name + "/", cancellationToken)).ToDictionary(blob => blob.Name, StringComparer.Ordinal);

    /// <summary>Brings a file's blocks into storage, unless the file is there.</summary>
    private async Task<StagedFile> StageAsync(SourceFile file, BlobItem? there, Meter meter, CancellationToken cancellationToken)
    {
        if (file.Hash is { Kind: ContentHashKind.Sha256, Hex: var known })
        {
            if (IsStored(there, file.Length, known))
            {
                meter.Skip(file.Length);
                StoredBlocks blocks = await StoredBlocks.ListAsync(connection.Pipeline, _container.GetBlockBlobClient(there!.Name), cancellationToken);
                return new StagedFile(new ModelFile(file.Name, file.Length, known, blocks.CommittedHashes(file.Length)), null, null);
            }
        }
        // It may be there: then only its hash is wanted.
        else if (there is not null && there.Properties.ContentLength == file.Length)
        {
            ModelFile hashed = await HashAsync(file, meter, cancellationToken);
            if (IsStored(there, hashed.Size, hashed.Sha256))
            {
                meter.Skip(file.Length);
                return new StagedFile(hashed, null, null);
            }
        }
        return await UploadAsync(file, there, meter, cancellationToken);
    }

    private static async Task<ModelFile> HashAsync(SourceFile file, Meter meter, CancellationToken cancellationToken)
    {
        using var hasher = new ContentHasher(file.Label, file.Length, file.Hash);
        await file.ReadBlocksAsync(0, SourceFile.BlockBytes, async (index, block, token) =>
        {
            await hasher.AddAsync(index, block, null, token);
            meter.Hash(block.Length);
        }, cancellationToken);
        file.CheckUnchanged();
        return hasher.Finish(file.Name);
    }

    private async Task<StagedFile> UploadAsync(SourceFile file, BlobItem? there, Meter meter, CancellationToken cancellationToken)
    {
        BlockUpload upload = await UploadAsync(file.Name, new ContentHasher(file.Label, file.Length, file.Hash), cancellationToken);
        try
        {
            await file.ReadBlocksAsync(0, SourceFile.BlockBytes, async (index, block, token) =>
            {
                await upload.AddAsync(index, block, token);
                meter.Upload(block.Length);
            }, cancellationToken);
            file.CheckUnchanged();
            return new StagedFile(upload.Finish(file.Name), upload, there?.Properties.ETag);
        }
        catch
        {
            upload.Dispose();
            throw;
        }
    }

    private Task<BlockUpload> UploadAsync(string file, ContentHasher hasher, CancellationToken cancellationToken) =>
        BlockUpload.BeginAsync(connection.Pipeline, _container.GetBlockBlobClient(BlobName(file)), hasher, cancellationToken);

    private static bool IsStored(BlobItem? blob, long length, string sha256) =>
        blob is not null && blob.Properties.ContentLength == length && blob.Metadata.TryGetValue(BlockUpload.HashMetadata, out string? hash) && hash == sha256;

    private async Task<PushResult> PutInPlaceAsync(IReadOnlyList<StagedFile> staged, Dictionary<string, BlobItem> stored, CancellationToken cancellationToken)
    {
        var manifest = new ModelManifest([.. staged.Select(file => file.Entry).OrderBy(file => file.Name, StringComparer.Ordinal)]);
        StagedFile[] changed = [.. staged.Where(file => file.Upload is not null)];
        if (changed.Length > 0 || !await HasManifestAsync(manifest, cancellationToken))
        {
            await DeleteAsync(BlobName(ModelManifest.FileName), cancellationToken);
            foreach (StagedFile file in changed)
            {
                if (!await file.Upload!.CommitAsync(file.Replaced, cancellationToken)) throw PushedByOthers();
            }
            await WriteManifestAsync(manifest, cancellationToken);
            await DeleteLeftoversAsync(manifest, stored.Keys, cancellationToken);
        }
        int sent = changed.Count(file => file.Upload!.Sent > 0 || file.Entry.Size == 0);
        return new PushResult(sent, staged.Count - sent, changed.Sum(file => file.Upload!.Sent));
    }

    private async Task<bool> HasManifestAsync(ModelManifest manifest, CancellationToken cancellationToken) =>
        await ReadManifestAsync(cancellationToken) is { } stored && stored.Span.SequenceEqual(manifest.ToJson());

    private Task<ReadOnlyMemory<byte>?> ReadManifestAsync(CancellationToken cancellationToken) =>
        SmallBlobs.TryReadAsync(connection, StorageNames.Models, BlobName(ModelManifest.FileName), ModelManifest.MaxBytes, cancellationToken);

    /// <summary>Writes the manifest. Where others have pushed meanwhile, no manifest stays that names other bytes than are there.</summary>
    private async Task WriteManifestAsync(ModelManifest manifest, CancellationToken cancellationToken)
    {
        WriteOutcome outcome = await SmallBlobs.WriteOnceAsync(
            connection, StorageNames.Models, BlobName(ModelManifest.FileName), manifest.ToJson(), cancellationToken);
        bool isOurs = outcome == WriteOutcome.Written || await HasManifestAsync(manifest, cancellationToken);
        ModelManifest? there = isOurs ? manifest : await ReadManifestAsync(cancellationToken) is { } json ? ModelManifest.Parse(name, json.Span) : null;
        if (there is not null && !await IsTrueAsync(there, cancellationToken))
        {
            await DeleteAsync(BlobName(ModelManifest.FileName), cancellationToken);
            throw PushedByOthers();
        }
        if (!isOurs) throw PushedByOthers();
    }

    private async Task<bool> IsTrueAsync(ModelManifest manifest, CancellationToken cancellationToken)
    {
        Dictionary<string, BlobItem> stored = await ListAsync(cancellationToken);
        return manifest.Files.All(file => IsStored(stored.GetValueOrDefault(BlobName(file.Name)), file.Size, file.Sha256));
    }

    private ModelException PushedByOthers() => new($"Model '{name}' was pushed by someone else at the same time. Push again.");

    private async Task DeleteLeftoversAsync(ModelManifest manifest, IEnumerable<string> stored, CancellationToken cancellationToken)
    {
        var current = manifest.Files.Select(file => file.Name).Append(ModelManifest.FileName).Select(BlobName).ToHashSet(StringComparer.Ordinal);
        foreach (string blob in stored.Where(blob => !current.Contains(blob))) await DeleteAsync(blob, cancellationToken);
    }

    private async Task DeleteAsync(string blob, CancellationToken cancellationToken) =>
        await connection.Pipeline.RunAsync(
            $"Deleting blob {StorageNames.Models}/{blob}", token => _container.DeleteBlobIfExistsAsync(blob, cancellationToken: token), cancellationToken);

    private string BlobName(string file) => $"{name}/{file}";

    /// <summary>A file whose blocks are in storage.</summary>
    /// <param name="Entry">The file as the manifest names it.</param>
    /// <param name="Upload">Makes the blob; null where it is there.</param>
    /// <param name="Replaced">The version of the blob that it replaces; null where there is none.</param>
    private sealed record StagedFile(ModelFile Entry, BlockUpload? Upload, ETag? Replaced);

    /// <summary>Counts bytes, from several threads.</summary>
    private sealed class Meter(long total, IProgress<PushProgress>? progress)
    {
        private long _hashed;
        private long _uploaded;

        public void Hash(long bytes) => Report(PushStep.Hashing, Interlocked.Add(ref _hashed, bytes));

        public void Upload(long bytes) => Report(PushStep.Uploading, Interlocked.Add(ref _uploaded, bytes));

        public void Skip(long bytes) => Upload(bytes);

        private void Report(PushStep step, long done) => progress?.Report(new PushProgress(step, done, total));
    }
}
