using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Tests.Kernels;

/// <summary>
/// One layer's cache of several sequences as tests fill and read it. Blocks lie in the pool in random order. What was not stored is NaN in every type: a byte of it
/// read shows in the result. Entries of the table that have no block are zero or lead to a block of NaN.
/// </summary>
internal sealed class TestCache
{
    private const byte Poison = 0xff;
    private const int Layers = 3; // of a block
    private const int Layer = 1;

    private readonly KernelTest _test;
    private readonly AttentionShape _shape;
    private readonly TensorType _type;
    private readonly int _rowBytes;
    private readonly int _blockBytes;
    private readonly int _poolBytes;
    private readonly int _sequences;
    private readonly ulong _pool;
    private readonly Stack<int> _free;
    private readonly Dictionary<(int Slot, int Entry), int> _blocks = [];

    /// <param name="test">Whose memory it is in.</param>
    /// <param name="shape">Attention's numbers.</param>
    /// <param name="type">The cache's type.</param>
    /// <param name="positions">Positions that each sequence may have.</param>
    /// <param name="sequences">Rows of the table.</param>
    /// <param name="blocks">Blocks that may be used.</param>
    public TestCache(KernelTest test, AttentionShape shape, TensorType type, int positions, int sequences, int blocks)
    {
        (_test, _shape, _type, _sequences) = (test, shape, type, sequences);
        _rowBytes = CacheLayout.RowBytes(type, shape.HeadDimension);
        _blockBytes = (int)(Layers * CacheLayout.LayerBytes(type, shape));
        _poolBytes = (blocks + 1) * _blockBytes;
        var pool = new byte[_poolBytes];
        Array.Fill(pool, Poison);
        _pool = test.Upload<byte>(pool);
        int[] order = [.. Enumerable.Range(0, blocks + 1)];
        test.Shuffle(order);
        _free = new(order[1..]);
        int stride = (positions / CacheLayout.BlockPositions) + 2;
        ulong unused = BlockAddress(order[0]);
        ulong[] table = [.. Enumerable.Range(0, sequences * stride).Select(i => i % 2 == 0 ? unused : 0)];
        Cache = new LayerCache(test.Upload<ulong>(table), stride, (uint)(Layer * CacheLayout.LayerBytes(type, shape)));
    }

    /// <summary>What kernels take.</summary>
    public LayerCache Cache { get; }

    /// <summary>Makes a sequence see the block of another one's position as its own.</summary>
    public void Share(int from, int to, int position)
    {
        int entry = position / CacheLayout.BlockPositions;
        Map(to, entry, _blocks[(from, entry)]);
    }

    /// <summary>Takes the block of a position where there is none.</summary>
    public void Take(int sequence, int position)
    {
        int entry = position / CacheLayout.BlockPositions;
        if (!_blocks.ContainsKey((sequence, entry))) Map(sequence, entry, _free.Pop());
    }

    /// <summary>Stores a head's row at a position, rounded to the cache's type; returns it as rounded.</summary>
    public float[] Store(int sequence, int position, bool isValue, int head, ReadOnlySpan<float> numbers)
    {
        Take(sequence, position);
        Span<byte> row = Row(sequence, position, isValue, head);
        row.Clear();
        if (_type == TensorType.Q8_0)
        {
            StoreQuantized(numbers, row);
        }
        else
        {
            for (int i = 0; i < numbers.Length; i++) KernelTest.Store(numbers[i], _type, row[(i * _type.Size())..]);
        }
        return Read(sequence, position, isValue, head)[..numbers.Length];
    }

    /// <summary>A head's row at a position with its padding.</summary>
    public float[] Read(int sequence, int position, bool isValue, int head)
    {
        Span<byte> row = Row(sequence, position, isValue, head);
        var numbers = new float[Elements(row.Length)];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = _type switch
            {
                TensorType.F32 => BitConverter.ToSingle(row[(i * 4)..]),
                TensorType.F16 => (float)BitConverter.ToHalf(row[(i * 2)..]),
                _ => (sbyte)row[i] * Scale(row, i),
            };
        }
        return numbers;
    }

    /// <summary>The scale of a number's block.</summary>
    public float Scale(int sequence, int position, bool isValue, int head, int element) => Scale(Row(sequence, position, isValue, head), element);

    /// <summary>How many rows of the pool, all layers, hold anything.</summary>
    public int RowsStored()
    {
        Span<byte> pool = _test.Read<byte>(_pool, _poolBytes);
        int stored = 0;
        for (int at = 0; at < pool.Length; at += _rowBytes)
            if (pool.Slice(at, _rowBytes).ContainsAnyExcept(Poison)) stored++;
        return stored;
    }

    private void Map(int sequence, int entry, int block)
    {
        _blocks.Add((sequence, entry), block);
        _test.Read<ulong>(Cache.Table, _sequences * Cache.TableStride)[(sequence * Cache.TableStride) + entry] = BlockAddress(block);
    }

    private ulong BlockAddress(int block) => _pool + (ulong)(block * _blockBytes);

    private float Scale(Span<byte> row, int element) => (float)BitConverter.ToHalf(row[(Elements(row.Length) + (element / 32 * 2))..]);

    private int Elements(int rowBytes) => _type == TensorType.Q8_0 ? (_shape.HeadDimension + 31) / 32 * 32 : rowBytes / _type.Size();

    private void StoreQuantized(ReadOnlySpan<float> numbers, Span<byte> row)
    {
        for (int first = 0; first < numbers.Length; first += 32)
        {
            ReadOnlySpan<float> block = numbers[first..Math.Min(first + 32, numbers.Length)];
            float largest = 0;
            foreach (float number in block) largest = MathF.Max(largest, MathF.Abs(number));
            var scale = (Half)(largest / 127);
            BitConverter.TryWriteBytes(row[(Elements(row.Length) + (first / 32 * 2))..], scale);
            for (int i = 0; i < block.Length; i++)
                row[first + i] = scale == Half.Zero ? (byte)0 : (byte)(sbyte)Math.Clamp(MathF.Round(block[i] / (float)scale), -127, 127);
        }
    }

    private Span<byte> Row(int sequence, int position, bool isValue, int head)
    {
        int block = _blocks[(sequence, position / CacheLayout.BlockPositions)];
        int row = ((((isValue ? 1 : 0) * _shape.KeyValueHeads) + head) * CacheLayout.BlockPositions) + (position % CacheLayout.BlockPositions);
        long at = ((long)block * _blockBytes) + Cache.LayerOffset + (row * _rowBytes);
        return _test.Read<byte>(_pool, (int)at + _rowBytes)[(int)at..];
    }
}
