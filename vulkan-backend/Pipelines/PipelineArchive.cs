using System.IO.Compression;

namespace Gemma2.Backend.Pipelines;

/// <summary>
/// A <see cref="PipelineFolder"/> as one piece that can be sent: a zip archive behind a header of <see cref="SealedBytes"/>. It holds what the driver compiled, the checks that passed, and the files
/// of Mesa's cache where that is what the driver uses.
/// </summary>
/// <param name="folder">The folder.</param>
/// <param name="mesa">Mesa's cache folder; null where the driver does not use it.</param>
internal sealed class PipelineArchive(PipelineFolder folder, string? mesa)
{
    private const int MostWaits = 20;
    private static readonly TimeSpan SettledAfter = TimeSpan.FromMilliseconds(100);

    /// <summary>Packs the folder; null where nothing compiled is in it, or more than is read again.</summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public byte[]? TryPack()
    {
        if (!File.Exists(folder.Compiled)) return null;
        using var packed = new MemoryStream();
        long total = 0;
        int entries = 0;
        using (var zip = new ZipArchive(packed, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, string file) in Files())
            {
                byte[] content = ReadShared(file);
                total += content.Length;
                if (++entries > PipelineEntries.Most || total > PipelineFolder.MostBytes) return null;
                using Stream entry = zip.CreateEntry(name, CompressionLevel.Fastest).Open();
                entry.Write(content);
            }
        }
        return SealedBytes.Seal(folder.Key, packed.GetBuffer().AsSpan(0, (int)packed.Length));
    }

    /// <summary>Puts the entries of an archive into the folder. Mesa's are taken all together, where it has none yet.</summary>
    /// <returns>False where one cannot be written.</returns>
    public bool TryUnpack(PipelineEntries entries)
    {
        if (folder.Path is null) return false;
        bool takesMesa = mesa is not null && !MesaFiles().Any(), isWritten = true;
        foreach ((string name, byte[] content) in entries.All)
            if (Target(name, takesMesa) is { } target) isWritten &= PipelineFolder.TryWrite(target, content);
        return isWritten;
    }

    /// <summary>Returns when Mesa, which writes behind the scenes, has written what it has; at the latest after some seconds.</summary>
    public async Task SettleAsync(CancellationToken cancellationToken)
    {
        long bytes = MesaBytes();
        for (int i = 0; i < MostWaits && bytes > 0; i++)
        {
            await Task.Delay(SettledAfter, cancellationToken).ConfigureAwait(false);
            if (MesaBytes() is var now && now == bytes) return;
            bytes = now;
        }
    }

    /// <summary>Whether there is something in the folder that an archive lacks, beside what was compiled: a check that passed, or more of Mesa's.</summary>
    public bool HasMoreThan(PipelineEntries entries)
    {
        if (CheckFiles().Any(check => PipelineEntries.IsAllowed(check.Name) && !entries.All.ContainsKey(check.Name))) return true;
        return MesaBytes() > entries.All.Where(entry => entry.Key.StartsWith(PipelineEntries.Mesa, StringComparison.Ordinal)).Sum(entry => (long)entry.Value.Length);
    }

    private IEnumerable<(string Name, string File)> Files() => CompiledFile().Concat(CheckFiles()).Concat(MesaFiles()).Where(file => PipelineEntries.IsAllowed(file.Name));

    private IEnumerable<(string Name, string File)> CompiledFile() => File.Exists(folder.Compiled) ? [(PipelineEntries.Compiled, folder.Compiled)] : [];

    private IEnumerable<(string Name, string File)> CheckFiles() => Directory.Exists(folder.Checks)
        ? Directory.EnumerateFiles(folder.Checks).Select(file => (PipelineEntries.Checks + Path.GetFileName(file), file))
        : [];

    // Backwards, an index comes before what it points to: what is added meanwhile is then in no index.
    private IEnumerable<(string Name, string File)> MesaFiles() => Directory.Exists(mesa)
        ? Directory.EnumerateDirectories(mesa, "mesa_shader_cache*").SelectMany(cache => Directory.EnumerateFiles(cache, "*", SearchOption.AllDirectories)).OrderDescending(StringComparer.Ordinal)
            .Select(file => (PipelineEntries.Mesa + Path.GetRelativePath(mesa, file).Replace(Path.DirectorySeparatorChar, '/'), file))
        : [];

    private long MesaBytes() => MesaFiles().Where(file => PipelineEntries.IsAllowed(file.Name)).Sum(file => new FileInfo(file.File) is { Exists: true, Length: var length } ? length : 0);

    private string? Target(string name, bool takesMesa) =>
        name == PipelineEntries.Compiled ? folder.Compiled
        : name.StartsWith(PipelineEntries.Checks, StringComparison.Ordinal) ? Path.Combine(folder.Checks!, name[PipelineEntries.Checks.Length..])
        : takesMesa ? Path.Combine(mesa!, name[PipelineEntries.Mesa.Length..])
        : null;

    /// <summary>Reads a file under a shared lock: Mesa writes its own under an exclusive one.</summary>
    private static byte[] ReadShared(string file)
    {
        using FileStream stream = OpenShared(file);
        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return content;
    }

    private static FileStream OpenShared(string file)
    {
        const int tries = 100;
        for (int i = 1; ; i++)
        {
            try
            {
                return new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read);
            }
            catch (IOException) when (i < tries && File.Exists(file))
            {
                Thread.Sleep(10);
            }
        }
    }
}
