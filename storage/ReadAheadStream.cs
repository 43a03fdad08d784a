using System.Buffers;

namespace Gemma2.Storage;

/// <summary>Fills the buffer with the bytes that begin at the offset.</summary>
internal delegate Task FetchRange(long offset, Memory<byte> buffer, CancellationToken cancellationToken);

/// <summary>
/// Reads in order what is fetched ahead in ranges, several at a time: one connection to blob storage gives far less than the network carries.
/// At most <c>parallel</c> ranges are in memory, fetched or in flight.
/// </summary>
internal sealed class ReadAheadStream(FetchRange fetch, long length, int rangeBytes, int parallel) : ForwardStream
{
    private readonly Queue<Task<ArraySegment<byte>>> _ahead = new();
    private readonly CancellationTokenSource _closing = new();
    private ArraySegment<byte> _current = ArraySegment<byte>.Empty;
    private int _consumed;
    private long _nextOffset;
    private bool _disposed;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (buffer.IsEmpty || (_consumed == _current.Count && !await MoveNextAsync(cancellationToken))) return 0;
        int count = Math.Min(buffer.Length, _current.Count - _consumed);
        _current.AsMemory(_consumed, count).CopyTo(buffer);
        _consumed += count;
        return count;
    }

    public override async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        await _closing.CancelAsync();
        Return(_current);
        foreach (Task<ArraySegment<byte>> range in _ahead)
        {
            await ((Task)range).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (range.IsCompletedSuccessfully) Return(await range);
        }
        _closing.Dispose();
        await base.DisposeAsync();
    }

    // Whoever disposes without await does not wait for the tries in flight: they are cancelled and give their buffers back as they end.
    protected override void Dispose(bool disposing)
    {
        if (disposing) _ = DisposeAsync().AsTask();
        base.Dispose(disposing);
    }

    private async ValueTask<bool> MoveNextAsync(CancellationToken cancellationToken)
    {
        Return(_current);
        _current = ArraySegment<byte>.Empty;
        _consumed = 0;
        while (_ahead.Count < parallel && _nextOffset < length)
        {
            int count = (int)Math.Min(rangeBytes, length - _nextOffset);
            _ahead.Enqueue(FetchAsync(_nextOffset, count));
            _nextOffset += count;
        }
        if (!_ahead.TryPeek(out Task<ArraySegment<byte>>? next)) return false;
        // A range that failed stays first: every later read fails as this one does.
        _current = await next.WaitAsync(cancellationToken);
        _ = _ahead.Dequeue();
        return true;
    }

    private async Task<ArraySegment<byte>> FetchAsync(long offset, int count)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(count);
        try
        {
            await fetch(offset, buffer.AsMemory(0, count), _closing.Token);
            return new ArraySegment<byte>(buffer, 0, count);
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }

    private static void Return(ArraySegment<byte> range)
    {
        if (range.Count > 0) ArrayPool<byte>.Shared.Return(range.Array!);
    }
}
