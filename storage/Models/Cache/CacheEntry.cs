using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace Gemma2.Storage.Models.Cache;

/// <summary>
/// A file of a model in the cache, whole or in part. Which of its blocks are right only their hashes say: whoever reads one checks it, and hands in what it got
/// elsewhere instead. An entry whose blocks all are right gets its final name.
/// </summary>
internal sealed class CacheEntry : IAsyncDisposable
{
    private readonly ModelCache _cache;
    private readonly SafeFileHandle _handle;
    private readonly string _whole;
    private readonly bool[] _isRight;
    private readonly Lock _lock = new();
    private string _path;
    private bool _isWritable;

    private CacheEntry(ModelCache cache, SafeFileHandle handle, string path, string whole, bool isWritable, int blocks)
    {
        (_cache, _handle, _path, _whole, _isWritable) = (cache, handle, path, whole, isWritable);
        _isRight = new bool[blocks];
    }

    private bool IsWhole => _path == _whole;

    /// <summary>Opens an entry, or makes one.</summary>
    /// <exception cref="IOException">It cannot be.</exception>
    /// <exception cref="UnauthorizedAccessException">It must not be.</exception>
    public static CacheEntry Open(ModelCache cache, string path, string whole, long size, int blocks)
    {
        try
        {
            SafeFileHandle handle = Open(path, FileMode.OpenOrCreate, FileAccess.ReadWrite);
            // One that was cut, or that somebody has begun; what is missing is a hole.
            if (RandomAccess.GetLength(handle) != size) RandomAccess.SetLength(handle, size);
            return new CacheEntry(cache, handle, path, whole, isWritable: true, blocks);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException && File.Exists(path))
        {
            return new CacheEntry(cache, Open(path, FileMode.Open, FileAccess.Read), path, whole, isWritable: false, blocks);
        }
    }

    /// <summary>Reads what may be a block's bytes; false where it is none.</summary>
    public async Task<bool> TryReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            for (int count, filled = 0; filled < buffer.Length; filled += count)
            {
                count = await RandomAccess.ReadAsync(_handle, buffer[filled..], offset + filled, cancellationToken);
                if (count == 0) return false;
            }
            // A hole need not be hashed.
            return IsWhole || buffer.Span.ContainsAnyExcept((byte)0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _cache.Report(e);
            return false;
        }
    }

    /// <summary>A block that was read is what it must be.</summary>
    public void Confirm(int block, int bytes)
    {
        _cache.WasRead(bytes);
        if (IsComplete(block)) _cache.Begin(FinishAsync);
    }

    /// <summary>Writes a block, beside everything else and only if the disk keeps pace. Its bytes are right.</summary>
    public void Keep(int block, long offset, ReadOnlyMemory<byte> bytes)
    {
        if (!_isWritable || !_cache.TryTake(bytes.Length)) return;
        byte[] copy = ArrayPool<byte>.Shared.Rent(bytes.Length);
        bytes.CopyTo(copy);
        if (!_cache.Begin(() => WriteAsync(block, offset, copy, bytes.Length))) Release(copy, bytes.Length);
    }

    /// <summary>Closes it when what waits is written.</summary>
    public ValueTask DisposeAsync()
    {
        if (!_cache.Begin(CloseAsync)) _ = CloseAsync();
        return ValueTask.CompletedTask;
    }

    private static SafeFileHandle Open(string path, FileMode mode, FileAccess access) => File.OpenHandle(path, mode, access, FileShare.ReadWrite | FileShare.Delete);

    private async Task WriteAsync(int block, long offset, byte[] copy, int length)
    {
        try
        {
            if (!_isWritable) return;
            await RandomAccess.WriteAsync(_handle, copy.AsMemory(0, length), offset);
            if (IsComplete(block)) await FinishAsync();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _isWritable = false;
            _cache.Report(e);
            // A disk that is full shall not stay so because of what will never be whole.
            if (!IsWhole) ModelCache.TryDelete(_path);
        }
        finally
        {
            Release(copy, length);
        }
    }

    private void Release(byte[] copy, int length)
    {
        ArrayPool<byte>.Shared.Return(copy);
        _cache.GiveBack(length);
    }

    /// <summary>Notes that a block is right; true when it is the last one of an entry that has no final name yet.</summary>
    private bool IsComplete(int block)
    {
        lock (_lock)
        {
            bool isNew = !_isRight[block];
            _isRight[block] = true;
            return isNew && !IsWhole && _isWritable && Array.TrueForAll(_isRight, isRight => isRight);
        }
    }

    private Task FinishAsync()
    {
        try
        {
            RandomAccess.FlushToDisk(_handle);
            File.Move(_path, _whole, overwrite: true);
            _path = _whole;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another process was sooner, or has made room.
            if (e is not FileNotFoundException) _cache.Report(e);
        }
        return Task.CompletedTask;
    }

    private Task CloseAsync()
    {
        _handle.Dispose();
        _cache.Close(_whole);
        return Task.CompletedTask;
    }
}
