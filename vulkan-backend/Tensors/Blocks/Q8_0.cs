using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>[0, 2) scale; [2, 34) 32 signed bytes q. Value: q * scale.</summary>
internal readonly struct Q8_0 : IBlockFormat
{
    private const int Highest = 127;

    /// <inheritdoc/>
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float scale = BlockBytes.Half(block, 0);
        for (int i = 0; i < values.Length; i++) values[i] = (sbyte)block[2 + i] * scale;
    }

    /// <inheritdoc/>
    public static void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, Span<byte> block)
    {
        float largest = MathF.Abs(TensorPrimitives.MaxMagnitude(values));
        float inverse = BlockBytes.Inverse(BlockBytes.WriteScale(block, 0, largest / Highest));
        Vector256<short> lower = Vector256.Narrow(Quants(values, inverse), Quants(values[8..], inverse));
        Vector256<short> upper = Vector256.Narrow(Quants(values[16..], inverse), Quants(values[24..], inverse));
        Vector256.Narrow(lower, upper).AsByte().CopyTo(block[2..]);
    }

    /// <summary>What <see cref="BlockBytes.Round"/> makes of each of eight numbers.</summary>
    private static Vector256<int> Quants(ReadOnlySpan<float> values, float inverse) => Vector256.ConvertToInt32(
        Vector256.Round(Vector256.Clamp(Vector256.Create(values) * inverse, Vector256.Create((float)-Highest), Vector256.Create((float)Highest))));
}
