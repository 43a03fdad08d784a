namespace Gemma2.Cli.Terminal;

/// <summary>Files that are there whole or not at all.</summary>
internal static class AtomicFile
{
    /// <summary>Writes beside <paramref name="path"/> and renames when all is written. A failure leaves what was there before.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static async Task WriteAsync(string path, Func<Stream, Task> write)
    {
        string full = Path.GetFullPath(path);
        // Renaming over a device such as /dev/null would replace it.
        if (Directory.Exists(full) || full.StartsWith("/dev/", StringComparison.Ordinal)) throw new IOException($"{path} is not a file that can be written.");
        if (!Directory.Exists(Path.GetDirectoryName(full))) throw new IOException($"{path} cannot be written: its folder does not exist.");

        string unfinished = $"{full}.{Guid.NewGuid():N}.tmp";
        try
        {
            await using (FileStream file = new(unfinished, FileMode.CreateNew, FileAccess.Write)) await write(file);
            File.Move(unfinished, full, overwrite: true);
        }
        catch
        {
            File.Delete(unfinished);
            throw;
        }
    }
}
