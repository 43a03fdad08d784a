using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Tests.Kernels;

public sealed class AttentionKernelTests(DeviceFixture fixture) : KernelTest(fixture)
{
    /// <summary>Heads, key/value heads, numbers a head; window (null: all); slots of the ring; type of the cache; softcap; size of queries and keys.</summary>
    public sealed record Shape(int Heads, int KeyValueHeads, int HeadDimension, int? Window, int Slots, TensorType Type, double Softcap = 50, float Size = 1);

    /// <summary>Shapes and the positions of decoding rows, each in a sequence of its own.</summary>
    public static TheoryData<Shape, int[]> DecodeCases()
    {
        var cases = new TheoryData<Shape, int[]>();
        foreach (TensorType type in new[] { TensorType.F16, TensorType.F32, TensorType.Q8_0 })
        {
            // Around the window with a ring that holds just what it must; a head dimension that is no multiple of anything; what the models have.
            cases.Add(new Shape(4, 2, 16, 8, 8, type), [0, 6, 7, 8, 9, 15, 63, 100]);
            cases.Add(new Shape(3, 1, 18, 33, 40, type, Softcap: 0), [3, 70]);
            cases.Add(new Shape(4, 2, 256, 48, 64, type), [0, 47, 48, 49, 500]);
        }
        // Around the shortest split's length and its multiples; scores far beyond the cap; a window of 1 and one larger than the context.
        cases.Add(new Shape(2, 1, 32, null, 600, TensorType.F16), [31, 32, 33, 255, 256, 257, 599]);
        cases.Add(new Shape(2, 1, 32, null, 70, TensorType.F16, Size: 100), [69]);
        cases.Add(new Shape(2, 2, 64, 1, 3, TensorType.F16), [0, 1, 2, 50]);
        cases.Add(new Shape(4, 1, 128, 5000, 300, TensorType.F16), [5, 299]);
        cases.Add(new Shape(8, 1, 144, null, 200, TensorType.Q8_0), [0, 130]);
        cases.Add(new Shape(1, 1, 2, null, 12, TensorType.F32), [11]);
        cases.Add(new Shape(2, 1, 512, 20, 64, TensorType.F16), [90]);
        cases.Add(new Shape(8, 1, 256, null, 100, TensorType.F16), [99]);
        // Past 4,096 keys, in splits of a global layer and around the ring of a sliding one.
        cases.Add(new Shape(4, 2, 256, null, 4300, TensorType.F16), [4291]);
        cases.Add(new Shape(4, 2, 16, 4096, 4096 + 255, TensorType.Q8_0), [4095, 4096, 8191]);
        return cases;
    }

    /// <summary>Shapes, positions of a prompt's first query, numbers of queries: each with each.</summary>
    public static TheoryData<Shape, int[], int[]> PromptCases()
    {
        var cases = new TheoryData<Shape, int[], int[]>();
        foreach (TensorType type in new[] { TensorType.F16, TensorType.F32, TensorType.Q8_0 })
        {
            // Around the window with a ring that holds just what it must; a head dimension that is no multiple of anything; what the models have.
            cases.Add(new Shape(4, 2, 16, 8, 8 + 17 - 1, type), [5, 255], [1, 2, 7, 8, 9, 15, 16, 17]);
            cases.Add(new Shape(3, 1, 18, 33, 60, type, Softcap: 0), [40], [12]);
            cases.Add(new Shape(4, 2, 256, 48, 48 + 16, type), [290], [17]);
        }
        // Around tiles of keys; scores far beyond the cap; a window of 1 and one larger than the context; groups of 1, 4, 8 and 17.
        cases.Add(new Shape(2, 1, 32, 40, 64, TensorType.F16), [0, 7, 8, 9, 31, 32, 33, 255, 256, 257], [3]);
        cases.Add(new Shape(2, 1, 32, null, 70, TensorType.F16, Size: 100), [60], [10]);
        cases.Add(new Shape(2, 2, 64, 1, 66, TensorType.F16), [0], [33, 65]);
        cases.Add(new Shape(4, 1, 128, 5000, 300, TensorType.F16), [250], [20]);
        cases.Add(new Shape(8, 1, 144, null, 100, TensorType.Q8_0), [60], [5]);
        cases.Add(new Shape(1, 1, 2, null, 40, TensorType.F32), [3], [18]);
        cases.Add(new Shape(17, 1, 8, null, 20, TensorType.F16), [0], [3]);
        cases.Add(new Shape(2, 1, 512, 20, 64, TensorType.F16), [90], [3]);
        // A whole chunk; past 4,096 keys in a global layer and around the ring of a sliding one.
        cases.Add(new Shape(2, 1, 32, 100, 355, TensorType.F16), [1000], [256]);
        cases.Add(new Shape(2, 1, 32, null, 4300, TensorType.F16), [4280], [9]);
        cases.Add(new Shape(2, 1, 32, 4096, 4096 + 8, TensorType.F16), [4090], [9]);
        return cases;
    }

    public static TheoryData<KernelFamily> PromptFamilies() => [KernelFamily.Cpu, KernelFamily.Tiled];

    [Theory]
    [MemberData(nameof(DecodeCases))]
    public void AttendDecoding_OddShapes_MatchesOracle(Shape c, int[] positions)
    {
        PassRow[] rows = [.. positions.Select((position, i) => new PassRow(0, (uint)position, (uint)(positions.Length - 1 - i)))];
        var world = new World(this, c, rows);
        Activation y = PoisonedRows(rows.Length, c.Heads * c.HeadDimension);
        var kernel = Own(new AttentionKernel(Device, world.Shape, c.Type));

        Run(commands => kernel.Record(commands, world.PassRows, world.Qkv, world.Cache, y, Scratch(world), c.Window, isPrompt: false, rows.Length));

        AssertClose(world.Expected(), ReadRows(y, rows.Length), _ => 5e-5 * c.Size);
    }

    [Theory]
    [MemberData(nameof(PromptCases))]
    public void AttendPrompt_OddShapes_MatchesOracle(Shape c, int[] positions, int[] counts)
    {
        AttentionKernel[] kernels = [.. PromptFamilies().Select(family => Own(new AttentionKernel(Device, ShapeOf(c), c.Type, family.Data)))];
        foreach (int position in positions)
        {
            foreach (int count in counts)
            {
                var world = new World(this, c, Consecutive(position, count));
                double[] expected = world.Expected();
                foreach (AttentionKernel kernel in kernels)
                {
                    Activation y = PoisonedRows(count, c.Heads * c.HeadDimension);
                    Run(commands => kernel.Record(commands, world.PassRows, world.Qkv, world.Cache, y, Scratch(world), c.Window, isPrompt: true, count));
                    AssertClose(expected, ReadRows(y, count), _ => 5e-5 * c.Size);
                }
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(50)]
    public void Attend_InputsOfTenThousand_StayFinite(double softcap)
    {
        // Scores reach 1e8 and more.
        var c = new Shape(2, 1, 64, null, 80, TensorType.F16, softcap, 1e4f);
        var world = new World(this, c, Consecutive(60, 20));
        var decode = Own(new AttentionKernel(Device, world.Shape, c.Type));
        var tiled = Own(new AttentionKernel(Device, world.Shape, c.Type, KernelFamily.Tiled));
        var cpu = Own(new AttentionKernel(Device, world.Shape, c.Type, KernelFamily.Cpu));
        foreach ((AttentionKernel kernel, bool isPrompt) in new[] { (decode, false), (tiled, true), (cpu, true) })
        {
            int count = isPrompt ? 20 : 1;
            Activation y = PoisonedRows(count, 128);
            Run(commands => kernel.Record(commands, world.PassRows, world.Qkv, world.Cache, y, Scratch(world), c.Window, isPrompt, count));
            Assert.All(ReadRows(y, count), number => Assert.InRange(number, -1.001e4f, 1.001e4f));
        }
    }

    [Fact]
    public void AttendDecoding_RowsOfSeveralSequencesTogether_GiveTheBitsOfEachAlone()
    {
        var c = new Shape(4, 2, 64, 200, 220, TensorType.F16);
        PassRow[] rows = [.. new uint[] { 0, 31, 32, 150, 199, 200, 1000, 7 }.Select((position, i) => new PassRow(0, position, (uint)i))];
        var world = new World(this, c, rows);
        Activation together = PoisonedRows(rows.Length, c.Heads * c.HeadDimension);
        var kernel = Own(new AttentionKernel(Device, world.Shape, c.Type));
        ulong scratch = Scratch(world);

        Run(commands => kernel.Record(commands, world.PassRows, world.Qkv, world.Cache, together, scratch, c.Window, isPrompt: false, rows.Length));

        float[] all = ReadRows(together, rows.Length);
        for (int i = 0; i < rows.Length; i++)
        {
            Activation alone = PoisonedRows(1, together.Width);
            ulong passRow = Upload<PassRow>([rows[i]]);
            Run(commands => kernel.Record(commands, passRow, world.Qkv.From(i), world.Cache, alone, scratch, c.Window, isPrompt: false, 1));
            Assert.Equal(all[(i * together.Width)..((i + 1) * together.Width)], ReadRows(alone, 1));
        }
    }

    [Theory]
    [MemberData(nameof(PromptFamilies))]
    public void AttendPrompt_SameQueryInOtherChunks_GivesSameBits(KernelFamily family)
    {
        var c = new Shape(4, 2, 32, 280, 320, TensorType.F16);
        const int count = 30;
        var world = new World(this, c, Consecutive(300, count));
        var kernel = Own(new AttentionKernel(Device, world.Shape, c.Type, family));
        Activation whole = PoisonedRows(count, c.Heads * c.HeadDimension);
        Run(commands => kernel.Record(commands, world.PassRows, world.Qkv, world.Cache, whole, Scratch(world), c.Window, isPrompt: true, count));

        foreach (int first in new[] { 1, 13, 29 })
        {
            Activation part = PoisonedRows(count - first, whole.Width);
            ulong passRows = Upload<PassRow>(Consecutive(300 + first, count - first));
            Run(commands => kernel.Record(
                commands, passRows, world.Qkv.From(first), world.Cache, part, Scratch(world), c.Window, isPrompt: true, count - first));
            Assert.Equal(ReadRows(whole, count)[(first * whole.Width)..], ReadRows(part, count - first));
        }
    }

    [Theory]
    [InlineData(false, KernelFamily.Cpu)]
    [InlineData(true, KernelFamily.Cpu)]
    [InlineData(true, KernelFamily.Tiled)]
    public void Attend_Repeated50Times_IsBitIdentical(bool isPrompt, KernelFamily family)
    {
        var c = new Shape(4, 2, 64, 70, 100, TensorType.F16);
        const int count = 8;
        var world = new World(this, c, isPrompt ? Consecutive(80, count) : [.. Enumerable.Range(0, count).Select(i => new PassRow(0, (uint)(i * 20), (uint)i))]);
        var kernel = Own(new AttentionKernel(Device, world.Shape, c.Type, family));
        ulong scratch = Scratch(world);
        float[]? first = null;
        for (int i = 0; i < 50; i++)
        {
            Activation y = PoisonedRows(count, c.Heads * c.HeadDimension);
            Run(commands => kernel.Record(commands, world.PassRows, world.Qkv, world.Cache, y, scratch, c.Window, isPrompt, count));
            float[] result = ReadRows(y, count);
            Assert.Equal(first ??= result, result);
        }
    }

    private static AttentionShape ShapeOf(Shape c) => new()
    {
        Heads = c.Heads,
        KeyValueHeads = c.KeyValueHeads,
        HeadDimension = c.HeadDimension,
        Scale = 1 / Math.Sqrt(c.HeadDimension + 3),
        Softcap = c.Softcap,
    };

    private static PassRow[] Consecutive(int position, int count) => [.. Enumerable.Range(position, count).Select(p => new PassRow(0, (uint)p, 0))];

    /// <summary>Scratch of NaN, just as large as it must be.</summary>
    private ulong Scratch(World world)
    {
        var poison = new byte[AttentionKernel.ScratchBytes(world.Shape, world.Rows, Math.Min(world.Rows, 8))];
        Array.Fill(poison, (byte)0xff);
        return Upload<byte>(poison);
    }

    /// <summary>Queries, and caches that hold what they must see and NaN in all other slots.</summary>
    private sealed class World
    {
        private readonly Shape _case;
        private readonly PassRow[] _rows;
        private readonly float[] _qkv;
        private readonly Dictionary<(uint Sequence, int Position, bool IsValue, int Head), float[]> _stored = [];

        public World(KernelTest test, Shape c, PassRow[] rows)
        {
            (_case, _rows) = (c, rows);
            Shape = ShapeOf(c);
            _qkv = test.RandomNumbers(rows.Length * Shape.QkvWidth, c.Size);
            Qkv = test.UploadRows(_qkv, Shape.QkvWidth);
            PassRows = test.Upload<PassRow>(rows);
            var cache = new TestCache(test, Shape, c.Type, c.Slots, (int)rows.Max(row => row.Sequence) + 1);
            foreach (PassRow row in rows) Fill(test, cache, row);
            Cache = cache.Cache;
        }

        public AttentionShape Shape { get; }

        public int Rows => _rows.Length;

        public ulong PassRows { get; }

        public Activation Qkv { get; }

        public LayerCache Cache { get; }

        /// <summary>[rows, heads * headDim].</summary>
        public double[] Expected()
        {
            var expected = new List<double>();
            int dimension = _case.HeadDimension;
            for (int t = 0; t < _rows.Length; t++)
            {
                (uint sequence, int last) = (_rows[t].Sequence, (int)_rows[t].Position);
                for (int head = 0; head < _case.Heads; head++)
                {
                    int kvHead = head / Shape.Group;
                    ReadOnlySpan<float> query = _qkv.AsSpan((t * Shape.QkvWidth) + (head * dimension), dimension);
                    expected.AddRange(Oracle.Attend(
                        query, p => _stored[(sequence, p, false, kvHead)], p => _stored[(sequence, p, true, kvHead)], First(last), last, Shape.Scale, _case.Softcap));
                }
            }
            return [.. expected];
        }

        private int First(int position) => Math.Max(0, position - (_case.Window ?? int.MaxValue - position) + 1);

        private void Fill(KernelTest test, TestCache cache, PassRow row)
        {
            for (int position = First((int)row.Position); position <= row.Position; position++)
            {
                if (_stored.ContainsKey((row.Sequence, position, false, 0))) continue;
                foreach (bool isValue in new[] { false, true })
                {
                    for (int head = 0; head < Shape.KeyValueHeads; head++)
                    {
                        _stored.Add(
                            (row.Sequence, position, isValue, head),
                            cache.Store((int)row.Sequence, position, isValue, head, test.RandomNumbers(Shape.HeadDimension, _case.Size)));
                    }
                }
            }
        }
    }
}
