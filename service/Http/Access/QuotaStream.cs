using Gemma2.Service.Api;
using Gemma2.Service.Limits;

namespace Gemma2.Service.Http.Access;

/// <summary>A file that is being stored; reading more than its owner has room for fails.</summary>
internal sealed class QuotaStream(Stream content, QuotaCount count) : Stream
{
    private long _held;
    private bool _isStored;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>The file has been stored.</summary>
    public void Keep() => _isStored = true;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read = await content.ReadAsync(buffer, cancellationToken);
        if (!count.TryHold(read))
            throw new ApiException(ApiError.TooManyBytes(count.Limit));
        _held += read;
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        count.End(_held, _isStored);
        _held = 0;
        base.Dispose(disposing);
    }
}
