using System.Runtime.InteropServices;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Tests.Weights.Quantization;

public sealed class DequantizeTests
{
    [Theory, MemberData(nameof(GoldenBlocks.Types), MemberType = typeof(GoldenBlocks))]
    public void Dequantize_BlocksOfLlamaCpp_GivesItsValuesBitForBit(TensorType type)
    {
        float[] expected = GoldenBlocks.Values(type), values = new float[expected.Length];
        Assert.True(expected.Length >= 1024 && expected.Any(value => value != 0));
        values.AsSpan().Fill(float.NaN);
        BlockCodec.Dequantize(type, GoldenBlocks.Blocks(type), values);
        Assert.Equal(expected.Select(BitConverter.SingleToUInt32Bits), values.Select(BitConverter.SingleToUInt32Bits));
    }

    [Fact]
    public void Dequantize_F32_Copies()
    {
        float[] expected = [1, -2.5f, float.MaxValue, 1e-42f], values = new float[4];
        BlockCodec.Dequantize(TensorType.F32, MemoryMarshal.AsBytes(expected.AsSpan()), values);
        Assert.Equal(expected, values);
    }

    [Fact]
    public void Dequantize_BF16OfAnyLength_IsTheUpperHalfOfEachNumber()
    {
        for (int length = 0; length < 70; length++)
        {
            ushort[] halves = [.. Enumerable.Range(0, length).Select(i => (ushort)((i * 2741) ^ 0x3f80))];
            float[] values = new float[length];
            BlockCodec.Dequantize(TensorType.BF16, MemoryMarshal.AsBytes(halves.AsSpan()), values);
            Assert.Equal(halves.Select(half => (uint)half << 16), values.Select(BitConverter.SingleToUInt32Bits));
        }
    }

    [Theory]
    [InlineData(TensorType.Q8_0, 34, 31)]
    [InlineData(TensorType.Q4_K, 143, 256)]
    [InlineData(TensorType.Q6_K, 210, 128)]
    [InlineData(TensorType.F16, 4, 3)]
    public void Dequantize_LengthsThatDoNotBelongTogether_Throws(TensorType type, int bytes, int values) =>
        Assert.Throws<ArgumentException>(() => BlockCodec.Dequantize(type, new byte[bytes], new float[values]));
}
