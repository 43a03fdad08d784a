using System.Globalization;
using System.Threading.Channels;

namespace Gemma2.Storage.Models.Cache;

/// <summary>
/// Files of models on this machine's disk, or on a share that several machines have mounted: an entry is named after the SHA-256 of its file, and every block of it is
/// checked when it is read, so that nothing has to be believed of what lies there. What is wrong with the folder only makes the cache useless: a model still loads.
/// Writers need no locks: all of them write the same bytes to the same places.
/// </summary>
/// <param name="folder">Where entries lie, in a folder of their own; it is made if it does not exist.</param>
/// <param name="maxBytes">Entries have at most so many bytes together; null is half of the disk.</param>
public sealed class ModelCache(string folder, long? maxBytes) : IAsyncDisposable
{
    // What waits to be written is a copy of what was read: more of it is not kept, so that a slow disk never holds up a load.
    private const long MostWaiting = 64 << 20;

    private const string PartEnding = ".part";

    private readonly string _folder = Path.Combine(Path.GetFullPath(folder), "models");
    private readonly Channel<Func<Task>> _work = Channel.CreateUnbounded<Func<Task>>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Dictionary<string, int> _open = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private Task? _worker;
    private long _waiting, _bytesRead;

    /// <summary>Bytes that were read from it and were right.</summary>
    public long BytesRead => Interlocked.Read(ref _bytesRead);

    /// <summary>The first thing that kept it from its work; null for none.</summary>
    public string? Problem { get; private set; }

    /// <summary>Reads a number of bytes, also with K, M or G behind it.</summary>
    public static bool TryParseSize(string text, out long bytes)
    {
        text = text.Trim();
        int shift = text.Length == 0 ? 0 : char.ToUpperInvariant(text[^1]) switch { 'K' => 10, 'M' => 20, 'G' => 30, _ => 0 };
        bool isNumber = long.TryParse(shift > 0 ? text[..^1] : text, NumberStyles.None, CultureInfo.InvariantCulture, out bytes) && bytes > 0 && bytes <= long.MaxValue >> shift;
        bytes <<= shift;
        return isNumber;
    }

    /// <summary>Waits until all that was handed to it is written.</summary>
    public async Task FlushAsync()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!Begin(() =>
        {
            done.SetResult();
            return Task.CompletedTask;
        })) return;
        await done.Task;
    }

    /// <summary>Writes what it was handed, and takes no more.</summary>
    public async ValueTask DisposeAsync()
    {
        _work.Writer.TryComplete();
        if (_worker is not null) await _worker;
    }

    /// <summary>The entry of a file, begun if there is none; null where the folder or its limits allow none.</summary>
    /// <param name="sha256">The file's hash.</param>
    /// <param name="size">Its length in bytes.</param>
    /// <param name="blocks">How many blocks it is checked in.</param>
    internal CacheEntry? TryOpen(string sha256, long size, int blocks)
    {
        string whole = Path.Combine(_folder, sha256), part = whole + PartEnding;
        try
        {
            Directory.CreateDirectory(_folder);
            lock (_lock)
            {
                string? there = new[] { whole, part }.FirstOrDefault(File.Exists);
                if (there is null && !TryMakeRoom(size)) return null;
                var entry = CacheEntry.Open(this, there ?? part, whole, size, blocks);
                Touch(there ?? part);
                foreach (string path in new[] { whole, part }) _open[path] = _open.GetValueOrDefault(path) + 1;
                return entry;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Report(e);
            return null;
        }
    }

    /// <summary>Work that is done beside everything else, in its order. False when there will be none any more.</summary>
    internal bool Begin(Func<Task> work)
    {
        lock (_lock) _worker ??= Task.Run(WorkAsync);
        return _work.Writer.TryWrite(work);
    }

    /// <summary>Takes room for a copy; false when too much waits already.</summary>
    internal bool TryTake(int bytes)
    {
        if (Interlocked.Add(ref _waiting, bytes) <= MostWaiting) return true;
        GiveBack(bytes);
        return false;
    }

    internal void GiveBack(int bytes) => Interlocked.Add(ref _waiting, -bytes);

    internal void WasRead(int bytes) => Interlocked.Add(ref _bytesRead, bytes);

    internal void Report(Exception e) => Problem ??= $"The cache in {_folder} cannot be used as it should: {e.Message}";

    internal void Close(string whole)
    {
        lock (_lock)
        {
            foreach (string path in new[] { whole, whole + PartEnding })
                if (--_open[path] == 0) _open.Remove(path);
        }
    }

    private async Task WorkAsync()
    {
        await foreach (Func<Task> work in _work.Reader.ReadAllAsync()) await work();
    }

    /// <summary>Deletes what was not used for the longest time, until there is room; each entry is tried once.</summary>
    private bool TryMakeRoom(long size)
    {
        var disk = new DriveInfo(_folder);
        long most = maxBytes ?? disk.TotalSize / 2;
        if (size > most) return false;
        FileInfo[] entries = [.. new DirectoryInfo(_folder).EnumerateFiles().Where(file => IsEntry(file.Name)).OrderBy(file => file.LastWriteTimeUtc)];
        long used = entries.Sum(entry => entry.Length);
        foreach (FileInfo entry in entries)
        {
            if (used + size <= most && size <= disk.AvailableFreeSpace) break;
            if (_open.ContainsKey(entry.FullName)) continue;
            long length = entry.Length;
            // Who reads it, in another process, goes on with what it has open.
            if (TryDelete(entry.FullName)) used -= length;
        }
        return used + size <= most && size <= disk.AvailableFreeSpace;
    }

    private static bool IsEntry(string name) => ModelHash.IsValid(name.EndsWith(PartEnding, StringComparison.Ordinal) ? name[..^PartEnding.Length] : name);

    internal static bool TryDelete(string path)
    {
        try
        {
            File.Delete(path);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Notes that an entry is used: by this they are kept.</summary>
    private static void Touch(string path)
    {
        try
        {
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A folder that can only be read is kept by somebody else.
        }
    }
}
