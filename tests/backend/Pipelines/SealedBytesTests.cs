using Gemma2.Backend.Pipelines;

namespace Gemma2.Backend.Tests.Pipelines;

public sealed class SealedBytesTests
{
    private static readonly byte[] _content = [.. Enumerable.Range(0, 1000).Select(i => (byte)(i * 7))];

    [Theory, InlineData(0), InlineData(1), InlineData(1000)]
    public void TryOpen_OfTheSameOwner_GivesTheContent(int length)
    {
        byte[] sealedBytes = SealedBytes.Seal("a device", _content.AsSpan(0, length));

        Assert.Equal(_content[..length], SealedBytes.TryOpen("a device", sealedBytes)!.Value.ToArray());
    }

    [Fact]
    public void TryOpen_OfAnotherOwner_GivesNothing() => Assert.Null(SealedBytes.TryOpen("another device", SealedBytes.Seal("a device", _content)));

    [Fact]
    public void TryOpen_AnyFlippedBit_GivesNothing()
    {
        byte[] sealedBytes = SealedBytes.Seal("a device", _content);
        for (int bit = 0; bit < sealedBytes.Length * 8; bit++)
        {
            sealedBytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(SealedBytes.TryOpen("a device", sealedBytes).HasValue, $"bit {bit}");
            sealedBytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void TryOpen_AnyOtherLength_GivesNothing()
    {
        byte[] sealedBytes = SealedBytes.Seal("a device", _content);
        for (int length = 0; length < sealedBytes.Length; length++) Assert.False(SealedBytes.TryOpen("a device", sealedBytes.AsMemory(0, length)).HasValue, $"{length} bytes");
        Assert.Null(SealedBytes.TryOpen("a device", (byte[])[.. sealedBytes, 0]));
    }
}
