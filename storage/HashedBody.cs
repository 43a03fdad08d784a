using System.Security.Cryptography;

namespace Gemma2.Storage;

/// <summary>A body as it passes: the read that would give its last byte throws when they are not the bytes that storage has.</summary>
internal sealed class HashedBody(Stream inner, long length, byte[] md5) : ForwardStream
{
    // What the service computes of what it is sent; it guards against chance, not against people.
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
    private long _position;

    /// <summary>Checks a body that has no byte at once: nobody reads it.</summary>
    /// <exception cref="StorageAnswerException">There should be some.</exception>
    public HashedBody Begun()
    {
        if (length == 0) Check();
        return this;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = await inner.ReadAsync(buffer, cancellationToken);
        _hash.AppendData(buffer.Span[..count]);
        _position += count;
        if (_position == length) Check();
        return count;
    }

    private void Check()
    {
        if (!_hash.GetCurrentHash().AsSpan().SequenceEqual(md5)) throw new StorageAnswerException("the answer's body is not what its Content-MD5 says");
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _hash.Dispose();
            inner.Dispose();
        }
        base.Dispose(disposing);
    }
}
