using System.Security.Cryptography;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Blocks;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Tests.Weights.Quantization;

public sealed class QuantizeTests
{
    private const int Count = 64 * 256;

    public static TheoryData<TensorType> AllTypes => [.. Enum.GetValues<TensorType>()];

    public static TheoryData<TensorType> QuantizedTypes => [.. Enum.GetValues<TensorType>().Where(type => type.IsQuantized())];

    /// <summary>The largest error that a number may have, as a share of the block's largest magnitude: half a step of the widest group, with room for rounded scales.</summary>
    public static TheoryData<TensorType, float> LargestErrors => new()
    {
        { TensorType.F32, 0 },
        { TensorType.F16, 0.0005f },
        { TensorType.BF16, 0.004f },
        { TensorType.Q8_0, 0.0041f },
        { TensorType.Q4_0, 0.15f },
        { TensorType.Q4_1, 0.14f },
        { TensorType.Q5_0, 0.075f },
        { TensorType.Q5_1, 0.07f },
        { TensorType.Q2_K, 0.5f },
        { TensorType.Q3_K, 0.3f },
        { TensorType.Q4_K, 0.12f },
        { TensorType.Q5_K, 0.07f },
        { TensorType.Q6_K, 0.035f },
        { TensorType.IQ4_NL, 0.14f },
        { TensorType.IQ4_XS, 0.14f },
    };

    [Theory, MemberData(nameof(LargestErrors))]
    public void Quantize_NumbersOfAnyMagnitude_KeepsThemWithinAStep(TensorType type, float share)
    {
        foreach (float magnitude in (float[])[1, 0.02f, 1e-3f, 1e4f])
        {
            float[] values = Normal(Count, magnitude, seed: 7), restored = RoundTrip(type, values);
            for (int first = 0; first < Count; first += 256)
            {
                float largest = values.Skip(first).Take(256).Max(MathF.Abs);
                for (int i = first; i < first + 256; i++) Assert.InRange(restored[i] - values[i], -share * largest, share * largest);
            }
        }
    }

    [Theory, MemberData(nameof(QuantizedTypes))]
    public void Quantize_NormalNumbers_LeavesNoMoreErrorThanStepsFromLowestToHighest(TensorType type)
    {
        float[] values = Normal(Count, 0.05f, seed: 11);
        Assert.True(SquaredError(values, RoundTrip(type, values)) <= SquaredError(values, ReferenceQuantizer.RoundTrip(type, values)));
    }

    [Theory, MemberData(nameof(QuantizedTypes))]
    public void Quantize_ValuesOfBlocksThatUseTheirRange_GivesThemBackExactly(TensorType type)
    {
        float[] values = ReferenceQuantizer.Representable(type, blocks: 40, seed: 3);
        Assert.Equal(values, RoundTrip(type, values));
    }

    [Theory, MemberData(nameof(AllTypes))]
    public void Quantize_Zeros_StaysZeros(TensorType type)
    {
        float[] values = new float[512];
        values.AsSpan(..256).Fill(-0f);
        Assert.All(RoundTrip(type, values), value => Assert.Equal(0, value));
    }

    [Theory, MemberData(nameof(AllTypes))]
    public void Quantize_NumbersThatScalesCannotReach_StayNearZero(TensorType type)
    {
        foreach (float tiny in (float[])[1e-6f, 1e-8f, 1e-12f, 1e-20f, 1e-38f, float.Epsilon])
            Assert.All(RoundTrip(type, Normal(512, tiny, seed: 5)), value => Assert.InRange(value, -10 * tiny - 1e-6f, 10 * tiny + 1e-6f));
    }

    [Theory, MemberData(nameof(QuantizedTypes))]
    public void Quantize_OneOutlierAmongZeros_KeepsBoth(TensorType type)
    {
        float[] values = new float[256];
        values[37] = 60000;
        float[] restored = RoundTrip(type, values);
        Assert.InRange(restored[37], 59000, 61000);
        Assert.All(restored.Where((_, i) => i != 37), value => Assert.InRange(value, -600, 600));
    }

    [Theory, MemberData(nameof(QuantizedTypes))]
    public void Quantize_TheSameNumberThroughout_KeepsIt(TensorType type)
    {
        foreach (float number in (float[])[1, -1, 0.5f, -65504])
            Assert.All(RoundTrip(type, [.. Enumerable.Repeat(number, 256)]), value => Assert.InRange(value / number, 0.985f, 1.015f));
    }

    [Theory, MemberData(nameof(AllTypes))]
    public void Quantize_NumberThatIsNotFinite_IsRefused(TensorType type)
    {
        foreach (float wrong in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
        {
            float[] values = Normal(512, 1, seed: 2);
            values[300] = wrong;
            Assert.Equal("holds a number that is not finite.", Assert.Throws<ModelException>(() => RoundTrip(type, values)).Message);
        }
    }

    [Theory]
    [InlineData(TensorType.Q4_0, 65505f, "holds a number of magnitude 6.55E+04; Q4_0 is for numbers up to 65504.")]
    [InlineData(TensorType.F16, -1e30f, "holds a number of magnitude 1E+30; F16 is for numbers up to 65504.")]
    [InlineData(TensorType.BF16, 3.4e38f, "holds a number of magnitude 3.4E+38; BF16 is for numbers up to 3.3895E+38.")]
    public void Quantize_NumberTooLarge_IsRefused(TensorType type, float number, string message)
    {
        float[] values = new float[256];
        values[200] = number;
        Assert.Equal(message, Assert.Throws<ModelException>(() => RoundTrip(type, values)).Message);
    }

    [Theory]
    [InlineData(TensorType.F16, 1f + 1f / 2048, 1f)]
    [InlineData(TensorType.F16, 1f + 3f / 2048, 1f + 2f / 1024)]
    [InlineData(TensorType.F16, 1f + 1.001f / 2048, 1f + 1f / 1024)]
    [InlineData(TensorType.BF16, 1f + 1f / 256, 1f)]
    [InlineData(TensorType.BF16, 1f + 3f / 256, 1f + 2f / 128)]
    [InlineData(TensorType.BF16, 1f + 1.001f / 256, 1f + 1f / 128)]
    public void Quantize_ToSixteenBits_RoundsToNearestAndEven(TensorType type, float value, float expected) =>
        Assert.Equal([expected, -expected], RoundTrip(type, [value, -value]));

    [Theory, MemberData(nameof(GoldenBlocks.Types), MemberType = typeof(GoldenBlocks))]
    public void Quantize_BytesThatHeldAnythingBefore_WritesEveryBit(TensorType type)
    {
        float[] values = Normal(512, 1, seed: 4);
        byte[] first = new byte[type.RowBytes(512)], second = new byte[first.Length];
        second.AsSpan().Fill(0xFF);
        BlockCodec.Quantize(type, values, first);
        BlockCodec.Quantize(type, values, second);
        Assert.Equal(first, second);
    }

    [Theory, MemberData(nameof(GoldenBlocks.Types), MemberType = typeof(GoldenBlocks))]
    public void Quantize_ValuesThatLlamaCppQuantized_StayCloseToThem(TensorType type)
    {
        float[] values = GoldenBlocks.Values(type);
        double energy = values.Sum(value => (double)value * value);
        // A block that does not use all of its levels may get another scale: what is lost is far less than a fresh quantization loses.
        Assert.True(SquaredError(values, RoundTrip(type, values)) < energy * (type is TensorType.Q2_K or TensorType.Q3_K ? 1e-2 : 1e-3));
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void Quantize_Q8_0_RoundsEachNumberAsItsDefinitionSays(int seed)
    {
        float[] values = Normal(32 * 300, 0.1f, seed);
        // The first block has numbers that are as near to one level as to the next.
        for (int i = 0; i < 32; i++) values[i] = i == 31 ? 127 : 0.5f + i - 16;
        byte[] blocks = new byte[TensorType.Q8_0.RowBytes(values.Length)];
        BlockCodec.Quantize(TensorType.Q8_0, values, blocks);
        for (int i = 0; i < values.Length; i++)
        {
            ReadOnlySpan<byte> block = blocks.AsSpan(i / 32 * 34, 34);
            Assert.Equal((sbyte)BlockBytes.Round(values[i] * BlockBytes.Inverse(BlockBytes.Half(block, 0)), -127, 127), (sbyte)block[2 + (i % 32)]);
        }
    }

    /// <summary>Files that were written before must come out the same again.</summary>
    [Theory]
    [InlineData(TensorType.Q8_0, "49255E29BECD1AF5")]
    [InlineData(TensorType.Q4_0, "E036B4B78CEF5C2F")]
    [InlineData(TensorType.Q4_1, "E13E86A3F4DE10D6")]
    [InlineData(TensorType.Q5_0, "59AD8BEBC81AFD45")]
    [InlineData(TensorType.Q5_1, "AC7FF7BF59EB2459")]
    [InlineData(TensorType.Q2_K, "A48F6A6D2E7BE38B")]
    [InlineData(TensorType.Q3_K, "39A8316B8D306311")]
    [InlineData(TensorType.Q4_K, "36F8EE5900C1E0E4")]
    [InlineData(TensorType.Q5_K, "85A50DBCBB75483C")]
    [InlineData(TensorType.Q6_K, "0180E5925E53766F")]
    [InlineData(TensorType.IQ4_NL, "3E0C7408F5E554CC")]
    [InlineData(TensorType.IQ4_XS, "B7D3539970A6A96E")]
    public void Quantize_WithoutImportance_GivesTheBytesThatItEverGave(TensorType type, string hash)
    {
        float[] values = Whole(Count, seed: 21);
        byte[] blocks = new byte[type.RowBytes(Count)];
        BlockCodec.Quantize(type, values, blocks);
        Assert.Equal(hash, Convert.ToHexString(SHA256.HashData(blocks))[..16]);
    }

    private static float[] RoundTrip(TensorType type, float[] values)
    {
        byte[] blocks = new byte[type.RowBytes(values.Length)];
        BlockCodec.Quantize(type, values, blocks);
        float[] restored = new float[values.Length];
        BlockCodec.Dequantize(type, blocks, restored);
        return restored;
    }

    private static double SquaredError(float[] values, float[] restored) => values.Zip(restored, (x, y) => Math.Pow((double)x - y, 2)).Sum();

    /// <summary>Numbers of several magnitudes that are the same on every machine.</summary>
    private static float[] Whole(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(i => random.Next(-4096, 4097) * (i % 512 < 256 ? 1 / 4096f : 1 / 65536f))];
    }

    private static float[] Normal(int count, float deviation, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => deviation * (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
    }
}
