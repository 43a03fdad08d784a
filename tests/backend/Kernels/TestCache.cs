using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Tests.Kernels;

/// <summary>
/// One layer's cache of several sequences as tests fill and read it. What was not stored is NaN in every type: a byte of it read shows in the result.
/// </summary>
internal sealed class TestCache
{
    private const byte Poison = 0xff;
    private const int TableStride = 3; // layers of a cache
    private const int Layer = 1;

    private readonly KernelTest _test;
    private readonly AttentionShape _shape;
    private readonly TensorType _type;
    private readonly int _rowBytes;
    private readonly ulong[] _addresses;

    public TestCache(KernelTest test, AttentionShape shape, TensorType type, int slots, int sequences = 1)
    {
        (_test, _shape, _type) = (test, shape, type);
        _rowBytes = CacheLayout.RowBytes(type, shape.HeadDimension);
        var poison = new byte[CacheLayout.LayerBytes(type, shape, slots)];
        Array.Fill(poison, Poison);
        _addresses = [.. Enumerable.Range(0, sequences).Select(_ => test.Upload<byte>(poison))];
        var table = new ulong[sequences * TableStride];
        for (int i = 0; i < sequences; i++) table[(i * TableStride) + Layer] = _addresses[i];
        Cache = new LayerCache(test.Upload<ulong>(table) + (Layer * sizeof(ulong)), TableStride, slots);
    }

    /// <summary>What kernels take.</summary>
    public LayerCache Cache { get; }

    /// <summary>Stores a head's row at a position, rounded to the cache's type; returns it as rounded.</summary>
    public float[] Store(int sequence, int position, bool isValue, int head, ReadOnlySpan<float> numbers)
    {
        Span<byte> row = Row(sequence, position % Cache.Slots, isValue, head);
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
        Span<byte> row = Row(sequence, position % Cache.Slots, isValue, head);
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
    public float Scale(int sequence, int position, bool isValue, int head, int element) =>
        Scale(Row(sequence, position % Cache.Slots, isValue, head), element);

    public bool IsPoison(int sequence, int slot, bool isValue, int head) => !Row(sequence, slot, isValue, head).ContainsAnyExcept(Poison);

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

    private Span<byte> Row(int sequence, int slot, bool isValue, int head)
    {
        int row = ((((isValue ? 1 : 0) * _shape.KeyValueHeads) + head) * Cache.Slots) + slot;
        return _test.Read<byte>(_addresses[sequence], (row + 1) * _rowBytes)[(row * _rowBytes)..];
    }
}
