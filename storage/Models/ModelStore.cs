using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Gemma2.Backend;
using Gemma2.Backend.Formats.Files;

namespace Gemma2.Storage.Models;

/// <summary>What a push is doing.</summary>
public enum PushStep
{
    /// <summary>Computing the files' hashes.</summary>
    Hashing,

    /// <summary>Sending the files that storage does not have yet.</summary>
    Uploading,
}

/// <summary>How far a push is.</summary>
/// <param name="Step">What it is doing.</param>
/// <param name="BytesDone">Bytes of this step that are done, skipped files included.</param>
/// <param name="BytesTotal">Bytes of all files.</param>
public readonly record struct PushProgress(PushStep Step, long BytesDone, long BytesTotal);

/// <summary>What a push did.</summary>
/// <param name="FilesUploaded">Files that were sent.</param>
/// <param name="FilesSkipped">Files that storage had already, with the same bytes.</param>
/// <param name="BytesUploaded">Bytes that were sent.</param>
public readonly record struct PushResult(int FilesUploaded, int FilesSkipped, long BytesUploaded);

/// <summary>Models in the container <c>models</c>: their names, and how a local one gets there.</summary>
/// <param name="connection">The storage account.</param>
public sealed class ModelStore(StorageConnection connection)
{
    // What of a Hugging Face folder the backend reads.
    private static readonly string[] Patterns = ["config.json", "generation_config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer.model"];

    private readonly BlobContainerClient _container = connection.Blobs.GetBlobContainerClient(StorageNames.Models);

    /// <summary>The names of the models that are complete, sorted.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken)
    {
        const string ending = "/" + ModelManifest.FileName;
        IReadOnlyList<BlobItem> blobs = await ListBlobsAsync("", cancellationToken);
        return [.. blobs.Where(blob => blob.Name.EndsWith(ending, StringComparison.Ordinal)).Select(blob => blob.Name[..^ending.Length]).Where(ModelName.IsValid)];
    }

    /// <summary>
    /// Stores a local model under a name. Files that storage has already are not sent again, also after a push that was
    /// interrupted. The old manifest goes first and the new one comes last: at no moment does a manifest name bytes that are not there.
    /// </summary>
    /// <param name="path">A folder with config.json and *.safetensors, a .gguf file, or a folder of one.</param>
    /// <param name="name">The model's name in storage.</param>
    /// <param name="progress">Told of each file that is hashed and each block that is sent, from several threads; may be null.</param>
    /// <param name="cancellationToken">Ends the push: the model is then incomplete in storage until it is pushed again.</param>
    /// <exception cref="ModelException">There is no model, the name is not allowed, or a file changed meanwhile.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<PushResult> PushAsync(string path, string name, IProgress<PushProgress>? progress, CancellationToken cancellationToken)
    {
        ModelName.Validate(name);
        try
        {
            FileInfo[] files = FindFiles(path, name);
            ModelManifest manifest = await HashAsync(files, progress, cancellationToken);
            return await StoreAsync(files[0].DirectoryName!, name, manifest, progress, cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"'{path}' cannot be read: {e.Message}", e);
        }
    }

    private async Task<PushResult> StoreAsync(
        string folder, string name, ModelManifest manifest, IProgress<PushProgress>? progress, CancellationToken cancellationToken)
    {
        await StorageProvisioning.EnsureContainerAsync(connection, StorageNames.Models, cancellationToken);

        Dictionary<string, BlobItem> stored = (await ListBlobsAsync(name + "/", cancellationToken)).ToDictionary(blob => blob.Name, StringComparer.Ordinal);
        ModelFile[] changed = [.. manifest.Files.Where(file => !IsStored(stored, name, file))];
        if (changed.Length > 0 || !await HasManifestAsync(name, manifest, cancellationToken))
        {
            await DeleteAsync($"{name}/{ModelManifest.FileName}", cancellationToken);
            await UploadAsync(folder, name, manifest, changed, progress, cancellationToken);
            await WriteManifestAsync(name, manifest, cancellationToken);
            await DeleteLeftoversAsync(name, manifest, stored.Keys, cancellationToken);
        }
        return new PushResult(changed.Length, manifest.Files.Count - changed.Length, changed.Sum(file => file.Size));
    }

    private static FileInfo[] FindFiles(string path, string name)
    {
        FileInfo[] files = File.Exists(path) ? FindGguf(new FileInfo(path).Directory!, Path.GetFileName(path)) : FindFiles(new DirectoryInfo(path));
        if (files.Length == 0) throw new ModelException($"'{path}' is a file that holds no model; supported are {LocalModel.Allowed}.");
        foreach (FileInfo file in files) ModelName.ValidateFile(name, file.Name);
        return files;
    }

    private static FileInfo[] FindFiles(DirectoryInfo folder)
    {
        if (!folder.Exists) throw new ModelException($"There is no folder '{folder}'.");
        FileInfo[] files = [.. Patterns.SelectMany(folder.EnumerateFiles).OrderBy(file => file.Name, StringComparer.Ordinal)];
        if (!files.Any(file => file.Name == "config.json"))
        {
            FileInfo[] gguf = FindGguf(folder, "*" + GgufFiles.Extension);
            return gguf.Length > 0 ? gguf : throw new ModelException($"The folder '{folder}' has no config.json, nor a {GgufFiles.Extension} file.");
        }

        return files.Any(file => file.Extension == ".safetensors") ? files : throw new ModelException($"The folder '{folder}' has no *.safetensors.");
    }

    /// <summary>The GGUF files of one model: one that the pattern names, or the parts that it was split into.</summary>
    private static FileInfo[] FindGguf(DirectoryInfo folder, string pattern)
    {
        IEnumerable<string> named = folder.EnumerateFiles(pattern).SelectMany(file => GgufFiles.PartsOf(file.Name)).Distinct();
        Dictionary<string, long> there = named.Where(file => File.Exists(Path.Combine(folder.FullName, file))).ToDictionary(file => file, _ => 0L);
        return [.. GgufFiles.Find(there, folder.FullName).Select(file => new FileInfo(Path.Combine(folder.FullName, file)))];
    }

    private static async Task<ModelManifest> HashAsync(FileInfo[] files, IProgress<PushProgress>? progress, CancellationToken cancellationToken)
    {
        long total = files.Sum(Length), done = 0;
        var hashed = new List<ModelFile>(files.Length);
        foreach (FileInfo file in files)
        {
            await using FileStream stream = file.OpenRead();
            hashed.Add(await ModelFileHash.ComputeAsync(file.Name, stream, cancellationToken));
            progress?.Report(new PushProgress(PushStep.Hashing, done += stream.Position, total));
        }
        return new ModelManifest(hashed);
    }

    // The files of a Hugging Face cache are links; their own length is not the file's.
    private static long Length(FileInfo file) => ((FileInfo?)file.ResolveLinkTarget(returnFinalTarget: true) ?? file).Length;

    private static bool IsStored(Dictionary<string, BlobItem> stored, string name, ModelFile file) =>
        stored.TryGetValue($"{name}/{file.Name}", out BlobItem? blob)
        && blob.Properties.ContentLength == file.Size
        && blob.Metadata.TryGetValue(BlockUpload.HashMetadata, out string? hash)
        && hash == file.Sha256;

    private async Task<bool> HasManifestAsync(string name, ModelManifest manifest, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte>? stored = await SmallBlobs.TryReadAsync(
            connection, StorageNames.Models, $"{name}/{ModelManifest.FileName}", ModelManifest.MaxBytes, cancellationToken);
        return stored is not null && stored.Value.Span.SequenceEqual(manifest.ToJson());
    }

    private async Task UploadAsync(
        string folder, string name, ModelManifest manifest, ModelFile[] changed, IProgress<PushProgress>? progress, CancellationToken cancellationToken)
    {
        long total = manifest.Files.Sum(file => file.Size);
        long done = total - changed.Sum(file => file.Size);
        foreach (ModelFile file in changed)
        {
            BlockBlobClient blob = _container.GetBlockBlobClient($"{name}/{file.Name}");
            await new BlockUpload(connection.Pipeline, blob, file).RunAsync(
                Path.Combine(folder, file.Name),
                bytes => progress?.Report(new PushProgress(PushStep.Uploading, Interlocked.Add(ref done, bytes), total)),
                cancellationToken);
        }
    }

    private async Task WriteManifestAsync(string name, ModelManifest manifest, CancellationToken cancellationToken)
    {
        WriteOutcome outcome = await SmallBlobs.WriteOnceAsync(
            connection, StorageNames.Models, $"{name}/{ModelManifest.FileName}", manifest.ToJson(), cancellationToken);
        if (outcome == WriteOutcome.AlreadyThere && !await HasManifestAsync(name, manifest, cancellationToken))
            throw new ModelException($"Model '{name}' was pushed by someone else at the same time. Push again.");
    }

    private async Task DeleteLeftoversAsync(string name, ModelManifest manifest, IEnumerable<string> stored, CancellationToken cancellationToken)
    {
        var current = manifest.Files.Select(file => $"{name}/{file.Name}").Append($"{name}/{ModelManifest.FileName}").ToHashSet(StringComparer.Ordinal);
        foreach (string blob in stored.Where(blob => !current.Contains(blob))) await DeleteAsync(blob, cancellationToken);
    }

    private async Task DeleteAsync(string blob, CancellationToken cancellationToken) =>
        await connection.Pipeline.RunAsync(
            $"Deleting blob {StorageNames.Models}/{blob}", token => _container.DeleteBlobIfExistsAsync(blob, cancellationToken: token), cancellationToken);

    /// <summary>The blobs whose names begin so, sorted by name, with their metadata; none when the container does not exist.</summary>
    private async Task<IReadOnlyList<BlobItem>> ListBlobsAsync(string prefix, CancellationToken cancellationToken)
    {
        try
        {
            return await connection.Pipeline.RunAsync(
                $"Listing container {StorageNames.Models}",
                async token => await _container.GetBlobsAsync(BlobTraits.Metadata, BlobStates.None, prefix, token).ToListAsync(token),
                cancellationToken);
        }
        catch (StorageException e) when (e.IsMissing)
        {
            return [];
        }
    }
}
