using Azure.Storage.Blobs.Models;
using Gemma2.Backend;

namespace Gemma2.Storage.Models;

/// <summary>What a push is doing.</summary>
public enum PushStep
{
    /// <summary>Computing the hash of a file that storage may have.</summary>
    Hashing,

    /// <summary>Sending what storage does not have yet.</summary>
    Uploading,
}

/// <summary>How far a push is.</summary>
/// <param name="Step">What it is doing.</param>
/// <param name="BytesDone">Bytes of this step that are done, skipped ones included.</param>
/// <param name="BytesTotal">Bytes of all files.</param>
public readonly record struct PushProgress(PushStep Step, long BytesDone, long BytesTotal);

/// <summary>What a push did.</summary>
/// <param name="FilesUploaded">Files of which something was sent.</param>
/// <param name="FilesSkipped">Files that storage had already, with the same bytes.</param>
/// <param name="BytesUploaded">Bytes that were sent.</param>
public readonly record struct PushResult(int FilesUploaded, int FilesSkipped, long BytesUploaded);

/// <summary>Models in the container <c>models</c>: their names, and how one gets there and back.</summary>
/// <param name="connection">The storage account.</param>
public sealed class ModelStore(StorageConnection connection)
{
    /// <summary>The names of the models that are complete, sorted.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken)
    {
        const string ending = "/" + ModelManifest.FileName;
        IReadOnlyList<BlobItem> blobs = await ModelBlobs.ListAsync(connection, "", cancellationToken);
        return [.. blobs.Where(blob => blob.Name.EndsWith(ending, StringComparison.Ordinal)).Select(blob => blob.Name[..^ending.Length]).Where(ModelName.IsValid)];
    }

    /// <summary>Finds a model's files, as its manifest names them.</summary>
    /// <exception cref="ModelException">There is no such model, or its files are not those that its manifest names.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<IReadOnlyList<SourceFile>> OpenAsync(string name, CancellationToken cancellationToken)
    {
        var source = new BlobModelSource(connection, name);
        var files = new List<SourceFile>();
        foreach (ModelFile file in (await source.FilesAsync(cancellationToken)).Values)
            files.Add(new StoredFile($"{name}/{file.Name}", file, await source.OpenAsync(file.Name, cancellationToken)));
        return files;
    }

    /// <summary>
    /// Stores a model under a name. Files that storage has already are not sent again, nor blocks of them that an interrupted push has sent. A model that has the name
    /// stays whole until all is sent; its manifest goes then, and the new one comes last: at no moment does a manifest name bytes that are not there.
    /// </summary>
    /// <param name="path">A folder with config.json and *.safetensors, a .gguf file, or a folder of one.</param>
    /// <param name="name">The model's name in storage.</param>
    /// <param name="progress">Told of each block that is hashed or sent, from several threads; may be null.</param>
    /// <param name="cancellationToken">Ends the push: another one goes on where it was.</param>
    /// <exception cref="ModelException">There is no model, the name is not allowed, a file changed meanwhile, or somebody else pushed a model of that name.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<PushResult> PushAsync(string path, string name, IProgress<PushProgress>? progress, CancellationToken cancellationToken)
    {
        ModelName.Validate(name);
        IReadOnlyList<LocalFile> files = await LocalFile.OpenModelAsync(path);
        try
        {
            return await PushAsync(files, name, progress, cancellationToken);
        }
        finally
        {
            foreach (LocalFile file in files) await file.DisposeAsync();
        }
    }

    /// <summary>Stores a model whose files lie anywhere, as <see cref="PushAsync(string, string, IProgress{PushProgress}?, CancellationToken)"/> does.</summary>
    public Task<PushResult> PushAsync(IReadOnlyList<SourceFile> files, string name, IProgress<PushProgress>? progress, CancellationToken cancellationToken)
    {
        ModelName.Validate(name);
        return new ModelPush(connection, name, progress).RunAsync(files, cancellationToken);
    }

    /// <summary>Stores a model of one file that is made on the way, and lies nowhere. The same bytes again are not sent again.</summary>
    /// <param name="file">The file's name.</param>
    /// <param name="write">Writes it, once, from begin to end.</param>
    /// <param name="name">The model's name in storage.</param>
    /// <param name="cancellationToken">Ends the push.</param>
    public Task<PushResult> PushAsync(string file, Func<Stream, Task> write, string name, CancellationToken cancellationToken)
    {
        ModelName.Validate(name);
        return new ModelPush(connection, name, progress: null).RunAsync(file, write, cancellationToken);
    }
}
