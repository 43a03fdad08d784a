using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Kernels.Check;

/// <summary>
/// A trial over a KV cache that the device fills: a long sequence, and a short one in another slot. Blocks lie in another order than the positions, and what was not
/// stored is NaN.
/// </summary>
/// <param name="device">The device that computes.</param>
/// <param name="store">Rotates and stores.</param>
/// <param name="shape">Attention's numbers.</param>
/// <param name="type">The cache's type.</param>
/// <param name="kernel">The kernel's name.</param>
/// <param name="what">What it computes.</param>
internal abstract class CacheTrial(GpuDevice device, RopeStoreKernel store, AttentionShape shape, TensorType type, string kernel, string what)
    : KernelTrial(device, kernel, $"{what}, heads {shape.Heads}/{shape.KeyValueHeads} x {shape.HeadDimension}, {type}")
{
    /// <summary>Positions of both sequences: past the tiles and splits of all kernels, and none at the end of a block.</summary>
    protected const int LongSequence = 301;
    protected const int ShortSequence = 41;
    protected const int StoredRows = LongSequence + ShortSequence;

    /// <summary>Numbers lie between this and its negative, so that a few keys of a query count most.</summary>
    protected const float Size = 4;

    /// <summary>Base of the rotary embedding.</summary>
    protected const double Theta = 10_000;

    private const byte NotStored = 0xff;
    private const int TableStride = (LongSequence / CacheLayout.BlockPositions) + 2;

    private readonly int _rowBytes = CacheLayout.RowBytes(type, shape.HeadDimension);
    private readonly int _blockBytes = (int)CacheLayout.LayerBytes(type, shape);
    private GpuBuffer? _pool;

    /// <summary>Attention's numbers.</summary>
    protected AttentionShape Attention => shape;

    /// <summary>All rows: those of the long sequence, then those of the short one.</summary>
    protected static StepRow RowAt(int row) => row < LongSequence ? new StepRow(0, (uint)row, 0) : new StepRow(0, (uint)(row - LongSequence), 1);

    /// <summary>Queries, keys and values before they are rotated.</summary>
    protected float[] Stored { get; } = [.. Uniform(1, StoredRows * shape.QkvWidth).Select(number => number * Size)];

    /// <summary>Rotates and stores all rows.</summary>
    /// <returns>Rows with rotated queries, their <see cref="StepRow"/>s, and the cache.</returns>
    protected (HostRows Qkv, GpuBuffer StepRows, LayerCache Cache) Store()
    {
        var pool = new byte[2 * TableStride * _blockBytes];
        Array.Fill(pool, NotStored);
        _pool = Upload<byte>(pool);
        ulong[] table = [.. Enumerable.Range(0, 2 * TableStride).Select(entry => _pool.Address + (ulong)(BlockOf(entry) * _blockBytes))];
        var cache = new LayerCache(Upload<ulong>(table).Address, TableStride, 0);
        StepRow[] rows = [.. Enumerable.Range(0, StoredRows).Select(RowAt)];
        GpuBuffer stepRows = Upload<StepRow>(rows), angles = Upload<float>(RotaryTable.Create(LongSequence, shape.HeadDimension, Theta));
        HostRows qkv = UploadRows(Stored, shape.QkvWidth);
        Compute(commands => store.Record(commands, stepRows.Address, qkv.Activation, angles.Address, cache, StoredRows));
        return (qkv, stepRows, cache);
    }

    /// <summary>A key or value as it is stored.</summary>
    protected float[] Read(int slot, int position, bool isValue, int head)
    {
        int block = BlockOf((slot * TableStride) + (position / CacheLayout.BlockPositions));
        int row = ((((isValue ? 1 : 0) * shape.KeyValueHeads) + head) * CacheLayout.BlockPositions) + (position % CacheLayout.BlockPositions);
        Span<byte> bytes = _pool!.Span<byte>(((long)block * _blockBytes) + (row * _rowBytes), _rowBytes);
        var numbers = new float[shape.HeadDimension];
        int quants = (shape.HeadDimension + 31) / 32 * 32;
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = type switch
            {
                TensorType.F32 => BitConverter.ToSingle(bytes[(i * sizeof(float))..]),
                TensorType.F16 => (float)BitConverter.ToHalf(bytes[(i * sizeof(ushort))..]),
                _ => (sbyte)bytes[i] * (float)BitConverter.ToHalf(bytes[(quants + (i / 32 * sizeof(ushort)))..]),
            };
        }
        return numbers;
    }

    /// <summary>Neighbours in a table are no neighbours in memory.</summary>
    private static int BlockOf(int entry) => ((entry * 7) + 3) % (2 * TableStride);
}

/// <summary>Rotated queries, keys and values, and how they lie in the cache.</summary>
internal sealed class RopeStoreTrial(GpuDevice device, RopeStoreKernel store, AttentionShape shape, TensorType type)
    : CacheTrial(device, store, shape, type, "rope and store", $"{StoredRows} rows")
{
    private const double RotationError = 2e-6 * Size;
    private readonly TensorType _type = type;

    protected override void Run(Comparison comparison)
    {
        (HostRows qkv, _, _) = Store();
        int size = Attention.HeadDimension;
        for (int row = 0; row < StoredRows; row++)
        {
            (_, uint position, uint slot) = RowAt(row);
            (double Sin, double Cos)[] angles = [.. Enumerable.Range(0, size / 2).Select(i => Math.SinCos(position * Math.Pow(Theta, -2.0 * i / size)))];
            for (int head = 0; head < Attention.Heads; head++)
                Compare(comparison, qkv[row].Slice(head * size, size), Rotate(Numbers(row, head), angles), row, isStored: false);
            for (int head = 0; head < Attention.KeyValueHeads; head++)
            {
                double[] key = Rotate(Numbers(row, Attention.Heads + head), angles);
                double[] value = Array.ConvertAll(Numbers(row, Attention.Heads + Attention.KeyValueHeads + head).ToArray(), number => (double)number);
                Compare(comparison, Read((int)slot, (int)position, isValue: false, head), key, row, isStored: true);
                Compare(comparison, Read((int)slot, (int)position, isValue: true, head), value, row, isStored: true);
            }
        }
    }

    private ReadOnlySpan<float> Numbers(int row, int head) => Stored.AsSpan((row * Attention.QkvWidth) + (head * Attention.HeadDimension), Attention.HeadDimension);

    private void Compare(Comparison comparison, ReadOnlySpan<float> computed, double[] expected, int row, bool isStored)
    {
        double largest = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            // 32 numbers share a scale.
            if (i % 32 == 0) largest = expected.Skip(i).Take(32).Max(Math.Abs);
            comparison.Add(computed[i], expected[i], RotationError + (isStored ? Rounding(expected[i], largest) : 0), row, i);
        }
    }

    /// <summary>Half a step of the cache's type, and for 8 bits what the scale's own rounding adds.</summary>
    private double Rounding(double number, double largest) => _type switch
    {
        TensorType.F32 => 0,
        TensorType.F16 => Math.Abs(number) / 2048,
        _ => 0.6 / 127 * largest,
    };

    private static double[] Rotate(ReadOnlySpan<float> head, (double Sin, double Cos)[] angles)
    {
        int half = head.Length / 2;
        var rotated = new double[head.Length];
        for (int i = 0; i < half; i++)
        {
            (double sin, double cos) = angles[i];
            rotated[i] = (head[i] * cos) - (head[half + i] * sin);
            rotated[half + i] = (head[half + i] * cos) + (head[i] * sin);
        }
        return rotated;
    }
}
