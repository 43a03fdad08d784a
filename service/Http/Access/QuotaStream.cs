using Gemma2.Service.Api;
using Gemma2.Service.Limits;
using Gemma2.Storage;

namespace Gemma2.Service.Http.Access;

/// <summary>A file that is being stored; reading more than its owner has room for fails.</summary>
internal sealed class QuotaStream(Stream content, QuotaCount count) : ForwardStream
{
    private long _held;
    private bool _isStored;

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

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        count.End(_held, _isStored);
        _held = 0;
        base.Dispose(disposing);
    }
}
