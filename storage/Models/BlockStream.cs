using System.Buffers;
using System.Runtime.ExceptionServices;

namespace Gemma2.Storage.Models;

/// <summary>Takes a file from who writes it forward, and uploads its blocks behind his back, several at once. Who writes faster than the network waits.</summary>
internal sealed class BlockStream(BlockUpload upload, CancellationToken cancellationToken) : Stream
{
    private readonly CancellationTokenSource _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    private readonly SemaphoreSlim _places = new(SourceFile.BlocksAtOnce);
    private readonly List<Task> _uploads = [];
    private byte[] _block = [];
    private int _filled;
    private long _position;
    private ExceptionDispatchInfo? _failure;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => _position;

    public override long Position
    {
        get => _position;
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            if (_block.Length == 0) _block = ArrayPool<byte>.Shared.Rent(SourceFile.BlockBytes);
            int count = Math.Min(buffer.Length, SourceFile.BlockBytes - _filled);
            buffer[..count].CopyTo(_block.AsSpan(_filled));
            buffer = buffer[count..];
            _filled += count;
            _position += count;
            if (_filled == SourceFile.BlockBytes) Send();
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void WriteByte(byte value) => Write([value]);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>Sends what is left, and returns when storage has all blocks.</summary>
    public async Task FinishAsync()
    {
        if (_filled > 0) Send();
        await Task.WhenAll(_uploads);
        _failure?.Throw();
    }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_uploads);
        _stop.Dispose();
        _places.Dispose();
        await base.DisposeAsync();
    }

    private void Send()
    {
        Wait();
        (byte[] block, int length) = (_block, _filled);
        (_block, _filled) = ([], 0);
        _uploads.Add(UploadAsync(_uploads.Count, block, length));
    }

    private void Wait()
    {
        try
        {
            _places.Wait(_stop.Token);
        }
        catch (OperationCanceledException)
        {
            _failure?.Throw();
            throw;
        }
    }

    /// <summary>Never throws: the first failure is kept, and stops the others.</summary>
    private async Task UploadAsync(int index, byte[] block, int length)
    {
        try
        {
            await Task.Run(() => upload.AddAsync(index, block.AsMemory(0, length), _stop.Token), _stop.Token);
        }
        catch (Exception error)
        {
            if (Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(error), null) is null) await _stop.CancelAsync();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
            _places.Release();
        }
    }
}
