namespace Gemma2.Cli.Terminal;

/// <summary>Folders that are there whole or not at all.</summary>
internal static class AtomicFolder
{
    /// <summary>Lets a folder be filled beside <paramref name="path"/> and renames it when all is written. A failure leaves nothing.</summary>
    /// <exception cref="IOException">There is something at <paramref name="path"/>, or it cannot be written.</exception>
    public static async Task WriteAsync(string path, Func<string, Task> write)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (!Directory.Exists(Path.GetDirectoryName(full))) throw new IOException($"{path} cannot be written: its folder does not exist.");

        string unfinished = $"{full}.{Guid.NewGuid():N}.tmp";
        try
        {
            Directory.CreateDirectory(unfinished);
            await write(unfinished);
            Directory.Move(unfinished, full);
        }
        catch
        {
            if (Directory.Exists(unfinished)) Directory.Delete(unfinished, recursive: true);
            throw;
        }
    }
}
