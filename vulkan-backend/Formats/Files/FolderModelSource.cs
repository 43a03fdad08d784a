using Microsoft.Win32.SafeHandles;

namespace Gemma2.Backend.Formats.Files;

/// <summary>A model in a local folder, named after it.</summary>
public sealed class FolderModelSource : IModelSource
{
    private readonly DirectoryInfo _folder;

    /// <summary>Takes the folder's path. The folder is looked at when it is listed.</summary>
    public FolderModelSource(string folder) => _folder = new DirectoryInfo(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));

    /// <inheritdoc/>
    public string Name => _folder.Name;

    /// <inheritdoc/>
    public ValueTask<IReadOnlyDictionary<string, long>> ListAsync(CancellationToken cancellationToken)
    {
        try
        {
            // Hugging Face's cache keeps links to the files: what they lead to counts.
            IReadOnlyDictionary<string, long> files = _folder.EnumerateFiles()
                .Select(file => (file.Name, Target: file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file))
                .Where(file => file.Target.Exists)
                .ToDictionary(file => file.Name, file => file.Target.Length, StringComparer.Ordinal);
            return ValueTask.FromResult(files);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{_folder.FullName}: is not a folder that can be read.", error);
        }
    }

    /// <inheritdoc/>
    public ValueTask<IModelFile> OpenAsync(string file, CancellationToken cancellationToken)
    {
        if (file != Path.GetFileName(file)) throw new ModelException($"{Name}: '{file}' is not a plain file name.");
        try
        {
            SafeFileHandle handle = File.OpenHandle(Path.Combine(_folder.FullName, file), options: FileOptions.SequentialScan | FileOptions.Asynchronous);
            return ValueTask.FromResult<IModelFile>(new LocalModelFile(handle, $"{Name}/{file}"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{Name}/{file}: cannot be opened: {error.Message}", error);
        }
    }
}
