namespace Gemma2.Backend.Pipelines;

/// <summary>
/// What drivers compiled, on this machine's disk: below one root a folder for each device, driver and build. It only saves time: where it cannot be read or written, or holds something else, all is as
/// if it were not there.
/// </summary>
/// <param name="root">Below which folder; null keeps nothing.</param>
/// <param name="key">Names device, driver and build.</param>
internal sealed class PipelineFolder(string? root, string key)
{
    /// <summary>Most bytes that are read or written.</summary>
    public const int MostBytes = 128 << 20;

    /// <summary>How many keys' folders are left: those used last. A new build or driver comes with a new key.</summary>
    private const int MostKeys = 4;

    /// <summary>The root of this user on this machine; null where there is no such place.</summary>
    public static string? DefaultRoot { get; } = FindRoot();

    /// <summary>The folder; null where nothing is kept.</summary>
    public string? Path { get; } = root is null ? null : System.IO.Path.Combine(root, key);

    /// <summary>Names device, driver and build.</summary>
    public string Key => key;

    /// <summary>Where checks that passed are remembered.</summary>
    public string? Checks => Below("checks");

    /// <summary>Where Mesa may keep its own.</summary>
    public string? Mesa => Below("mesa");

    /// <summary>The file of <see cref="CompiledShaders"/>.</summary>
    public string? Compiled => Below("compiled");

    /// <summary>What was kept; null where there is nothing that can be used.</summary>
    public CompiledShaders? TryRead()
    {
        if (Compiled is null) return null;
        try
        {
            var file = new FileInfo(Compiled);
            if (!file.Exists || file.Length > MostBytes + SealedBytes.HeaderBytes) return null;
            return SealedBytes.TryOpen(key, File.ReadAllBytes(file.FullName)) is { } content ? CompiledShaders.TryParse(content) : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Keeps what was compiled, in place of what was kept, at once or not at all.</summary>
    /// <returns>False where that could not be.</returns>
    public bool TryWrite(CompiledShaders compiled) => Compiled is not null && compiled.ToBytes() is { Length: <= MostBytes } content && TryWrite(Compiled, SealedBytes.Seal(key, content));

    /// <summary>Writes a file so that nobody sees a part of it.</summary>
    /// <returns>False where that could not be.</returns>
    public static bool TryWrite(string file, ReadOnlySpan<byte> content)
    {
        string partial = $"{file}.{Guid.NewGuid():n}.part";
        try
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(file)!);
            File.WriteAllBytes(partial, content);
            File.Move(partial, file, overwrite: true);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Delete(partial);
            return false;
        }
    }

    /// <summary>Notes that this key is in use, and deletes the folders of those that were not for longest.</summary>
    /// <returns>False where the folder cannot be written.</returns>
    public bool TryTouch()
    {
        if (Path is null) return false;
        try
        {
            Directory.SetLastWriteTimeUtc(Directory.CreateDirectory(Path).FullName, DateTime.UtcNow);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
        foreach (DirectoryInfo old in new DirectoryInfo(root!).EnumerateDirectories().OrderByDescending(folder => folder.LastWriteTimeUtc).Skip(MostKeys)) Delete(old);
        return true;
    }

    /// <summary>A folder of this process alone, for machines whose disk can be written nowhere else.</summary>
    public static PipelineFolder Temporary(string key) => new(Directory.CreateTempSubdirectory("gemma2-pipelines-").FullName, key);

    private string? Below(string name) => Path is null ? null : System.IO.Path.Combine(Path, name);

    private static void Delete(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It was never there.
        }
    }

    private static void Delete(DirectoryInfo folder)
    {
        try
        {
            folder.Delete(recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Another process was faster.
        }
    }

    private static string? FindRoot()
    {
        string? given = Environment.GetEnvironmentVariable("XDG_CACHE_HOME"), home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string? caches = !string.IsNullOrEmpty(given) ? given : home.Length > 0 ? System.IO.Path.Combine(home, ".cache") : null;
        return caches is null ? null : System.IO.Path.Combine(caches, "gemma2", "pipelines");
    }
}
