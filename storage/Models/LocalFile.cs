using Gemma2.Backend;
using Gemma2.Backend.Formats.Files;
using Microsoft.Win32.SafeHandles;

namespace Gemma2.Storage.Models;

/// <summary>A file on this machine.</summary>
public sealed class LocalFile : SourceFile
{
    private readonly string _path;
    private readonly SafeFileHandle _handle;
    private readonly DateTime _written;

    private LocalFile(string path, SafeFileHandle handle)
        : base(Path.GetFileName(path), RandomAccess.GetLength(handle), hash: null)
    {
        (_path, _handle) = (path, handle);
        _written = File.GetLastWriteTimeUtc(handle);
    }

    /// <inheritdoc/>
    public override string Label => _path;

    /// <summary>Opens the files of a local model.</summary>
    /// <param name="path">A folder with config.json and *.safetensors, a .gguf file, or a folder of one.</param>
    /// <exception cref="ModelException">There is no model.</exception>
    public static async Task<IReadOnlyList<LocalFile>> OpenModelAsync(string path)
    {
        var opened = new List<LocalFile>();
        try
        {
            bool isFile = File.Exists(path);
            if (!isFile && !Directory.Exists(path)) throw new ModelException($"There is no folder '{path}'.");
            if (isFile) LocalModel.CheckGguf(path);
            string folder = isFile ? Path.GetDirectoryName(Path.GetFullPath(path))! : path;
            // The files of a Hugging Face cache are links: what they lead to counts.
            string[] there = [.. Directory.EnumerateFiles(folder).Where(File.Exists).Select(file => Path.GetFileName(file))];
            string[] gguf = isFile || ModelFileNames.IsFolder(there) ? [] : [.. there.Where(file => LocalModel.IsGguf(Path.Combine(folder, file)))];
            foreach (string file in ModelFileNames.Select(there, isFile ? Path.GetFileName(path) : null, gguf, $"The folder '{folder}'")) opened.Add(Open(Path.Combine(folder, file)));
            return opened;
        }
        catch (Exception error)
        {
            foreach (LocalFile file in opened) await file.DisposeAsync();
            if (error is IOException or UnauthorizedAccessException) throw new ModelException($"'{path}' cannot be read: {error.Message}", error);
            throw;
        }
    }

    /// <summary>Opens one file.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public static LocalFile Open(string path) => new(path, File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.Asynchronous));

    /// <inheritdoc/>
    public override async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            for (int count; !buffer.IsEmpty; offset += count, buffer = buffer[count..])
            {
                count = await RandomAccess.ReadAsync(_handle, buffer, offset, cancellationToken);
                if (count == 0) throw Changed();
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"'{_path}' cannot be read: {error.Message}", error);
        }
    }

    /// <inheritdoc/>
    public override void CheckUnchanged()
    {
        if (RandomAccess.GetLength(_handle) != Length || File.GetLastWriteTimeUtc(_handle) != _written) throw Changed();
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync()
    {
        _handle.Dispose();
        return base.DisposeAsync();
    }

    private ModelException Changed() => new($"{_path} changed while it was uploaded; nothing was replaced. Push again.");
}
