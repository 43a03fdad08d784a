using System.Buffers.Binary;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Tests.Kernels;

/// <summary>A matrix as weight files store it, and its values.</summary>
/// <param name="Type">How it is stored.</param>
/// <param name="Rows">Number of rows.</param>
/// <param name="Columns">Numbers in a row.</param>
/// <param name="Stored">Its rows as in a file.</param>
internal sealed record TestMatrix(TensorType Type, int Rows, int Columns, byte[] Stored)
{
    /// <summary>Where a quantized type's blocks hold scales as float16. All other bytes may be anything.</summary>
    private static int[] ScaleOffsets(TensorType type) => type switch
    {
        TensorType.Q8_0 or TensorType.Q4_0 or TensorType.Q5_0 or TensorType.IQ4_NL or TensorType.IQ4_XS => [0],
        TensorType.Q4_1 or TensorType.Q5_1 or TensorType.Q4_K or TensorType.Q5_K => [0, 2],
        TensorType.Q2_K => [80, 82],
        TensorType.Q3_K => [108],
        TensorType.Q6_K => [208],
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };

    /// <summary>[Rows, Columns]: what the stored bytes stand for.</summary>
    public float[] Values { get; } = Dequantize(Type, Rows, Columns, Stored);

    public static TestMatrix Random(Random random, TensorType type, int rows, int columns)
    {
        var stored = new byte[rows * type.RowBytes(columns)];
        if (type.IsQuantized())
            FillBlocks(random, type, stored);
        else
            BlockCodec.Quantize(type, [.. Enumerable.Range(0, rows * columns).Select(_ => (2 * random.NextSingle()) - 1)], stored);
        return new TestMatrix(type, rows, columns, stored);
    }

    /// <summary>Some rows in device order.</summary>
    public byte[] Pack(WeightLayout layout, int first, int rows)
    {
        var packed = new byte[layout.Bytes(rows)];
        Array.Fill(packed, (byte)0xff); // NaN where it is taken for a float16 or float32.
        int rowBytes = layout.FileRowBytes;
        WeightPacker.Pack(layout, Stored.AsSpan(first * rowBytes, rows * rowBytes), packed);
        return packed;
    }

    private static void FillBlocks(Random random, TensorType type, byte[] stored)
    {
        random.NextBytes(stored);
        for (int block = 0; block < stored.Length; block += type.BlockBytes())
            foreach (int offset in ScaleOffsets(type))
                BinaryPrimitives.WriteHalfLittleEndian(stored.AsSpan(block + offset), (Half)((random.NextSingle() - 0.5f) / 100));
    }

    private static float[] Dequantize(TensorType type, int rows, int columns, byte[] stored)
    {
        var values = new float[rows * columns];
        BlockCodec.Dequantize(type, stored, values);
        return values;
    }
}
