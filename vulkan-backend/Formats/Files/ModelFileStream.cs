using System.Buffers;

namespace Gemma2.Backend.Formats.Files;

/// <summary>Reads a file forward, once, block by block; what is small goes through the block that was read last. Closes the file.</summary>
public sealed class ModelFileStream(IModelFile file) : Stream
{
    private byte[] _block = [];
    private long _position;
    private int _used, _filled;
    private bool _isClosed;

    /// <summary>What of the block that was read last lies behind <see cref="Position"/>: who goes on by block need not read it again. Valid until the next read.</summary>
    public ReadOnlyMemory<byte> Rest => _block.AsMemory(_used, _filled - _used);

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => file.Length;

    /// <summary>Bytes read so far.</summary>
    public override long Position
    {
        get => _position;
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty || _position == file.Length) return 0;
        if (_used == _filled) await ReadBlockAsync(cancellationToken).ConfigureAwait(false);
        int count = Math.Min(buffer.Length, _filled - _used);
        _block.AsMemory(_used, count).CopyTo(buffer);
        _used += count;
        _position += count;
        return count;
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    /// <inheritdoc/>
    public override void Flush() => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <summary>Gives the memory of <see cref="Rest"/> back: who goes on by block has no use for it then.</summary>
    internal void Forget()
    {
        if (_block.Length > 0) ArrayPool<byte>.Shared.Return(_block);
        (_block, _used, _filled) = ([], 0, 0);
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        if (_isClosed) return;
        _isClosed = true;
        Forget();
        await file.DisposeAsync().ConfigureAwait(false);
        await base.DisposeAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) DisposeAsync().AsTask().GetAwaiter().GetResult();
        base.Dispose(disposing);
    }

    private async ValueTask ReadBlockAsync(CancellationToken cancellationToken)
    {
        (_used, _filled) = (0, 0);
        int count = (int)Math.Min(file.BlockBytes, file.Length - _position);
        if (_block.Length < count)
        {
            if (_block.Length > 0) ArrayPool<byte>.Shared.Return(_block);
            _block = ArrayPool<byte>.Shared.Rent(count);
        }
        await file.ReadAsync(_position, _block.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
        _filled = count;
    }
}
