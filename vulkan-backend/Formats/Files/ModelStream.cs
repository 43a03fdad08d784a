namespace Gemma2.Backend.Formats.Files;

/// <summary>Reads a model's files exactly: what is cut, too long or unreadable becomes a <see cref="ModelException"/> that names the file.</summary>
internal static class ModelStream
{
    /// <summary>Opens a small file and reads all of it.</summary>
    /// <param name="source">The model.</param>
    /// <param name="files">The model's files and their lengths.</param>
    /// <param name="file">The file's name.</param>
    /// <param name="longest">Most bytes that it may have.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="ModelException">It is missing, too long, cannot be read, is empty, or stands for another file: a git-lfs pointer, a page that says why there is none.</exception>
    public static async Task<byte[]> ReadFileAsync(
        IModelSource source, IReadOnlyDictionary<string, long> files, string file, int longest, CancellationToken cancellationToken)
    {
        string label = $"{source.Name}/{file}";
        if (!files.TryGetValue(file, out long length)) throw new ModelException($"{source.Name}: has no {file}.");
        if (length == 0) throw new ModelException($"{label}: is empty: its download failed; fetch it again.");
        if (length > longest) throw new ModelException($"{label}: is {length} bytes long; allowed are at most {longest}.");
        byte[] bytes = new byte[length];
        await using var stream = new ModelFileStream(await source.OpenAsync(file, cancellationToken));
        await ReadAsync(stream, bytes, label, cancellationToken);
        await ReadEndAsync(stream, label, cancellationToken);
        return FileContents.DescribePlaceholder(bytes) is { } what ? throw new ModelException($"{label}: {what}") : bytes;
    }

    /// <summary>Fills a buffer.</summary>
    public static async Task ReadAsync(Stream stream, Memory<byte> buffer, string label, CancellationToken cancellationToken)
    {
        if (await ReadSomeAsync(stream, buffer, label, cancellationToken) < buffer.Length)
            throw new ModelException($"{label}: ends before its listed length.");
    }

    /// <summary>Reads the end of a file. A source that checks hashes does it here.</summary>
    public static async Task ReadEndAsync(Stream stream, string label, CancellationToken cancellationToken)
    {
        if (await ReadSomeAsync(stream, new byte[1], label, cancellationToken) != 0)
            throw new ModelException($"{label}: is longer than its listed length.");
    }

    private static async ValueTask<int> ReadSomeAsync(Stream stream, Memory<byte> buffer, string label, CancellationToken cancellationToken)
    {
        try
        {
            return await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        }
        catch (IOException error)
        {
            throw new ModelException($"{label}: cannot be read: {error.Message}", error);
        }
    }
}
