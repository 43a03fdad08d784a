using Gemma2.Backend;
using Gemma2.Storage.Models;

namespace Gemma2.Cli.Models;

/// <summary>
/// Brings a model's files into a folder. A file is written under another name, in the order of its bytes, and gets its own when all of it is there and its hash is right:
/// what an interrupted download has written is the file's begin, whichever moment it ended at, and a later one goes on from there.
/// </summary>
/// <param name="folder">The folder; it is made if it does not exist.</param>
/// <param name="total">Bytes of all files.</param>
/// <param name="progress">Told of all bytes that are there, from several threads; may be null.</param>
internal sealed class FolderDownload(string folder, long total, IProgress<long>? progress)
{
    private const int LeastRangeBytes = 256 << 10;
    private const int RangesOfAFile = 64;
    private const string PartialExtension = ".partial";

    private long _done;

    /// <summary>Bytes that were fetched.</summary>
    public long BytesFetched { get; private set; }

    /// <summary>Files that were there already, with the same bytes.</summary>
    public int FilesSkipped { get; private set; }

    /// <summary>Brings all files.</summary>
    /// <exception cref="Gemma2Exception">A file cannot be had, or is damaged.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    public async Task RunAsync(IEnumerable<SourceFile> files, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        foreach (SourceFile file in files)
        {
            if (await IsThereAsync(file, cancellationToken)) FilesSkipped++;
            else await FetchAsync(file, cancellationToken);
        }
    }

    private async Task<bool> IsThereAsync(SourceFile file, CancellationToken cancellationToken)
    {
        string path = Path.Combine(folder, file.Name);
        if (Directory.Exists(path)) throw new IOException($"{path} is not a file that can be written.");
        if (!File.Exists(path)) return false;
        await using LocalFile there = LocalFile.Open(path);
        if (there.Length != file.Length) return false;
        using var hasher = new ContentHasher(path, file.Length, file.Hash);
        await there.ReadBlocksAsync(0, SourceFile.BlockBytes, (index, block, token) => hasher.AddAsync(index, block, null, token), cancellationToken);
        if (!hasher.IsAsExpected) return false;
        Report(file.Length);
        return true;
    }

    private async Task FetchAsync(SourceFile file, CancellationToken cancellationToken)
    {
        string path = Path.Combine(folder, file.Name), partial = $"{path}.{file.Hash!.Hex[..12]}{PartialExtension}";
        long before = _done;
        if (!await FetchAsync(file, partial, cancellationToken))
        {
            // What an earlier run left was not the file's begin, after all.
            File.Delete(partial);
            Report(before - _done);
            _ = await FetchAsync(file, partial, cancellationToken);
        }
        File.Move(partial, path, overwrite: true);
        foreach (string old in Directory.EnumerateFiles(folder, $"{file.Name}.*{PartialExtension}")) File.Delete(old);
    }

    /// <returns>False where the bytes are wrong, and not all of them came in this run.</returns>
    private async Task<bool> FetchAsync(SourceFile file, string partial, CancellationToken cancellationToken)
    {
        using var hasher = new ContentHasher(file.Label, file.Length, file.Hash);
        await using FileStream local = OpenPartial(partial);
        long kept = local.Length > file.Length ? 0 : local.Length == file.Length ? file.Length : local.Length / file.UnitBytes * file.UnitBytes;
        local.SetLength(kept);
        int blocks = await HashAsync(local, hasher, cancellationToken);
        Report(kept);
        try
        {
            await file.ReadBlocksAsync(kept, Math.Max(RangeBytes(file.Length), file.UnitBytes), (index, block, token) => hasher.AddAsync(blocks + index, block, async () =>
            {
                await local.WriteAsync(block, token);
                BytesFetched += block.Length;
                Report(block.Length);
            }, token), cancellationToken);
            if (!hasher.IsAsExpected && kept > 0) return false;
            hasher.Finish(file.Name);
        }
        catch (Exception error) when (error is ModelException || local.Length == 0)
        {
            // It is damaged where it lies, and no later run would make it whole; or there is nothing to go on with.
            File.Delete(partial);
            throw;
        }
        local.Flush(flushToDisk: true);
        return true;
    }

    /// <summary>Hashes what an earlier run left, to the end of the file.</summary>
    private static async Task<int> HashAsync(FileStream local, ContentHasher hasher, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[1 << 20];
        int blocks = 0;
        for (int count; (count = await local.ReadAsync(buffer, cancellationToken)) > 0;) await hasher.AddAsync(blocks++, buffer.AsMemory(0, count), null, cancellationToken);
        return blocks;
    }

    private static FileStream OpenPartial(string partial)
    {
        try
        {
            return new FileStream(partial, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.Asynchronous);
        }
        catch (IOException e) when (File.Exists(partial))
        {
            throw new IOException($"{partial} cannot be written; another process may be fetching it. ({e.Message})", e);
        }
    }

    /// <summary>Small files come in small ranges, so that they too can be gone on with.</summary>
    private static int RangeBytes(long length) => (int)Math.Clamp(length / RangesOfAFile, LeastRangeBytes, SourceFile.BlockBytes);

    private void Report(long bytes)
    {
        _done += bytes;
        progress?.Report(Math.Min(_done, total));
    }
}
