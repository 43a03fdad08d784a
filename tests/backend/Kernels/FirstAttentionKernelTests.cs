using Gemma2.Backend.Kernels;
using Gemma2.Backend.Weights;

namespace Gemma2.Backend.Tests.Kernels;

public sealed class FirstAttentionKernelTests(DeviceFixture fixture) : KernelTest(fixture)
{
    private const double Theta = 10000;

    /// <summary>A case: shape of the heads, window (null: all), position of the first query, queries, slots of the ring, cache type, cap.</summary>
    public sealed record Shape(
        int Heads, int KeyValueHeads, int HeadDimension, int? Window, int Position, int Count, int Slots, TensorType Type, double Softcap, float Scale = 1);

    public static TheoryData<Shape> Cases()
    {
        var cases = new TheoryData<Shape>();
        foreach (TensorType type in new[] { TensorType.F32, TensorType.F16 })
        {
            // Around the window, with a ring that holds just what it must.
            foreach (int position in new[] { 0, 6, 7, 8, 9, 15, 63, 100 })
                cases.Add(new Shape(4, 2, 16, 8, position, 1, 8, type, 50));
            cases.Add(new Shape(4, 2, 16, 8, 5, 9, 16, type, 50));
            cases.Add(new Shape(4, 2, 16, 1, 3, 3, 4, type, 50));
            // Head dimensions that are not multiples of 8 and 8 * subgroup; group sizes 1, 2, 8; no cap; real head sizes.
            cases.Add(new Shape(3, 3, 18, null, 0, 5, 5, type, 0));
            cases.Add(new Shape(1, 1, 2, null, 9, 2, 11, type, 50));
            cases.Add(new Shape(8, 1, 72, null, 3, 4, 9, type, 50));
            cases.Add(new Shape(2, 1, 128, 33, 40, 2, 64, type, 50));
            cases.Add(new Shape(4, 2, 256, null, 70, 3, 128, type, 50));
            cases.Add(new Shape(4, 2, 256, 32, 33, 1, 64, type, 50));
            // Scores far beyond the cap.
            cases.Add(new Shape(2, 1, 16, null, 20, 2, 32, type, 50, 100));
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Attend_OddShapes_MatchesOracle(Shape c)
    {
        AttentionShape shape = ShapeOf(c);
        int width = (c.Heads + (2 * c.KeyValueHeads)) * c.HeadDimension;
        float[] qkv = RandomNumbers(c.Count * width, c.Scale);
        int last = c.Position + c.Count - 1;
        int oldest = Math.Max(0, last - c.Slots + 1);
        Dictionary<int, float[]> keys = RandomRows(shape, oldest, last, c);
        Dictionary<int, float[]> values = RandomRows(shape, oldest, last, c);
        var cache = new DeviceCache(UploadCache(shape, keys, c), UploadCache(shape, values, c), c.Slots);
        Activation y = PoisonedRows(c.Count, c.Heads * c.HeadDimension);
        var kernel = Own(new FirstAttentionKernel(Device, shape, c.Type));

        Run(commands => kernel.Record(commands, UploadRows(qkv, width), cache, y, c.Position, c.Window, c.Count));

        var expected = new List<double>();
        for (int t = 0; t < c.Count; t++)
        {
            int position = c.Position + t;
            int first = c.Window is int window ? Math.Max(0, position - window + 1) : 0;
            for (int head = 0; head < c.Heads; head++)
            {
                int start = head / shape.Group * c.HeadDimension;
                ReadOnlySpan<float> query = qkv.AsSpan((t * width) + (head * c.HeadDimension), c.HeadDimension);
                expected.AddRange(Oracle.Attend(
                    query, p => keys[p][start..(start + c.HeadDimension)], p => values[p][start..(start + c.HeadDimension)], first, position, shape.Scale, c.Softcap));
            }
        }
        AssertClose([.. expected], ReadRows(y, c.Count), i => 5e-5 * c.Scale);
    }

    [Fact]
    public void Attend_SameQueryInOtherChunks_GivesSameBits()
    {
        var c = new Shape(4, 2, 32, 12, 20, 6, 64, TensorType.F16, 50);
        AttentionShape shape = ShapeOf(c);
        int width = (c.Heads + (2 * c.KeyValueHeads)) * c.HeadDimension;
        Activation qkv = UploadRows(RandomNumbers(c.Count * width), width);
        ulong keys = UploadCache(shape, RandomRows(shape, 0, 25, c), c);
        ulong values = UploadCache(shape, RandomRows(shape, 0, 25, c), c);
        var cache = new DeviceCache(keys, values, c.Slots);
        Activation chunk = PoisonedRows(c.Count, c.Heads * c.HeadDimension);
        Activation alone = PoisonedRows(1, c.Heads * c.HeadDimension);
        var kernel = Own(new FirstAttentionKernel(Device, shape, c.Type));

        Run(commands => kernel.Record(commands, qkv, cache, chunk, c.Position, c.Window, c.Count));
        Run(commands => kernel.Record(commands, qkv.From(5), cache, alone, c.Position + 5, c.Window, 1));

        Assert.Equal(ReadRows(chunk, c.Count)[(5 * chunk.Width)..], ReadRows(alone, 1));
    }

    private static AttentionShape ShapeOf(Shape c) => new()
    {
        Heads = c.Heads,
        KeyValueHeads = c.KeyValueHeads,
        HeadDimension = c.HeadDimension,
        Scale = 1 / Math.Sqrt(c.HeadDimension + 3),
        Softcap = c.Softcap,
    };

    /// <summary>Position to [kvHeads * headDim], rounded to the cache's type.</summary>
    private Dictionary<int, float[]> RandomRows(AttentionShape shape, int first, int last, Shape c)
    {
        var rows = new Dictionary<int, float[]>();
        for (int position = first; position <= last; position++)
        {
            rows[position] = RandomNumbers(shape.KeyValueHeads * shape.HeadDimension, c.Scale);
            Round(rows[position], c.Type);
        }
        return rows;
    }

    /// <summary>A cache with those positions in their slots and NaN in all others.</summary>
    private ulong UploadCache(AttentionShape shape, Dictionary<int, float[]> rows, Shape c)
    {
        int size = c.Type.Size();
        var bytes = new byte[shape.KeyValueHeads * c.Slots * shape.CacheStride * size];
        for (int i = 0; i < bytes.Length; i += size) Store(float.NaN, c.Type, bytes.AsSpan(i));
        foreach ((int position, float[] row) in rows)
        {
            for (int head = 0; head < shape.KeyValueHeads; head++)
            {
                int start = ((head * c.Slots) + (position % c.Slots)) * shape.CacheStride;
                for (int i = 0; i < shape.CacheStride; i++)
                    Store(i < shape.HeadDimension ? row[(head * shape.HeadDimension) + i] : 0, c.Type, bytes.AsSpan((start + i) * size));
            }
        }
        return Upload<byte>(bytes);
    }

    /// <summary>One head's row of a slot; its padding must be zero.</summary>
    private float[] ReadCache(ulong cache, AttentionShape shape, Shape c, int head, int slot)
    {
        float[] row = ReadSlot(cache, shape, c, head, slot);
        Assert.All(row[shape.HeadDimension..], padding => Assert.Equal(0, padding));
        return row[..shape.HeadDimension];
    }

    private float[] ReadSlot(ulong cache, AttentionShape shape, Shape c, int head, int slot)
    {
        int count = shape.KeyValueHeads * c.Slots * shape.CacheStride;
        int start = ((head * c.Slots) + slot) * shape.CacheStride;
        return c.Type == TensorType.F32
            ? Read<float>(cache, count).Slice(start, shape.CacheStride).ToArray()
            : Array.ConvertAll(Read<Half>(cache, count).Slice(start, shape.CacheStride).ToArray(), v => (float)v);
    }

    private void AssertOtherSlotsPoisoned(ulong cache, AttentionShape shape, Shape c)
    {
        HashSet<int> written = [.. Enumerable.Range(c.Position, c.Count).Select(p => p % c.Slots)];
        for (int head = 0; head < shape.KeyValueHeads; head++)
            for (int slot = 0; slot < c.Slots; slot++)
                if (!written.Contains(slot)) Assert.All(ReadSlot(cache, shape, c, head, slot), v => Assert.True(float.IsNaN(v)));
    }
}
