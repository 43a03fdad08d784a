using System.Security.Cryptography;
using Gemma2.Backend;

namespace Gemma2.Storage.Models;

/// <summary>Hashes the bytes as they pass; the read that would give the last of them throws when the hash is not the manifest's.</summary>
internal sealed class VerifiedStream(Stream inner, string name, ModelFile expected) : ForwardStream
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _position;
    private bool _verified;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = await inner.ReadAsync(buffer, cancellationToken);
        _hash.AppendData(buffer.Span[..count]);
        _position += count;
        if (_position == expected.Size && !_verified) Verify();
        return count;
    }

    public override async ValueTask DisposeAsync()
    {
        _hash.Dispose();
        await inner.DisposeAsync();
        await base.DisposeAsync();
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

    private void Verify()
    {
        string actual = Convert.ToHexStringLower(_hash.GetHashAndReset());
        if (actual != expected.Sha256)
            throw new ModelException($"{name} is corrupt: its SHA-256 is {actual}, {ModelManifest.FileName} says {expected.Sha256}.");
        _verified = true;
    }
}
