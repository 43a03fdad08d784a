
namespace Gemma2.Backend.Formats.Files;

/// <summary>A model in one local file, or in the parts that it was split into, which lie beside it; named after the file.</summary>
public sealed class FileModelSource : IModelSource
{
    private readonly FileInfo _file;
    private readonly FolderModelSource _folder;

    /// <summary>Takes the path of a GGUF file. The file is looked at when it is listed.</summary>
    public FileModelSource(string file)
    {
        _file = new FileInfo(file);
        _folder = new FolderModelSource(_file.DirectoryName!);
    }

    /// <inheritdoc/>
    public string Name => Path.GetFileNameWithoutExtension(_file.Name);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyDictionary<string, long>> ListAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<string> parts = GgufFiles.PartsOf(_file.Name);
        return (await _folder.ListAsync(cancellationToken)).Where(file => parts.Contains(file.Key)).ToDictionary(StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    public ValueTask<IModelFile> OpenAsync(string file, CancellationToken cancellationToken) => _folder.OpenAsync(file, cancellationToken);
}
