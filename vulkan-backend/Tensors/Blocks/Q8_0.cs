using System.Numerics.Tensors;

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
    public static void Quantize(ReadOnlySpan<float> values, Span<byte> block)
    {
        float largest = MathF.Abs(TensorPrimitives.MaxMagnitude(values));
        float inverse = BlockBytes.Inverse(BlockBytes.WriteScale(block, 0, largest / Highest));
        for (int i = 0; i < values.Length; i++) block[2 + i] = (byte)BlockBytes.Round(values[i] * inverse, -Highest, Highest);
    }
}
