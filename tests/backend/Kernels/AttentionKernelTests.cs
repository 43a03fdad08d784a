using Gemma2.Backend.Kernels;
using Gemma2.Backend.Weights;

namespace Gemma2.Backend.Tests.Kernels;

public sealed class AttentionKernelTests(DeviceFixture fixture) : KernelTest(fixture)
{
    private static readonly TensorType[] _cacheTypes = [TensorType.F16, TensorType.F32, TensorType.Q8_0];

    /// <summary>Heads, key/value heads, numbers a head; window (null: all); slots of the ring; type of the cache; softcap; size of queries and keys.</summary>
    public sealed record Shape(int Heads, int KeyValueHeads, int HeadDimension, int? Window, int Slots, TensorType Type, double Softcap = 50, float Size = 1);

    /// <summary>Shapes and the positions of decoding rows, each in a sequence of its own.</summary>
    public static TheoryData<Shape, int[]> DecodeCases()
    {
        var cases = new TheoryData<Shape, int[]>();
        foreach (TensorType type in _cacheTypes)
        {
            // Around the window with a ring that holds just what it must, around a split's shortest length, several splits.
            cases.Add(new Shape(4, 2, 16, 8, 8, type), [0, 6, 7, 8, 9, 15, 63, 100]);
            cases.Add(new Shape(2, 1, 32, null, 600, type), [31, 32, 33, 255, 256, 257, 599]);
            cases.Add(new Shape(2, 2, 64, 1, 3, type), [0, 1, 2, 50]);
            // Window larger than the context; groups of 1, 3, 4 and 8; no cap; head dimensions that are no multiples of anything.
            cases.Add(new Shape(4, 1, 128, 5000, 300, type), [5, 299]);
            cases.Add(new Shape(8, 1, 144, null, 200, type), [0, 130]);
            cases.Add(new Shape(3, 1, 18, 33, 40, type, Softcap: 0), [3, 70]);
            cases.Add(new Shape(1, 1, 2, null, 12, type), [11]);
            cases.Add(new Shape(1, 1, 72, null, 90, type), [88]);
            cases.Add(new Shape(2, 1, 512, 20, 64, type), [90]);
            // What the models have: 256 with cap and window; scores far beyond the cap.
            cases.Add(new Shape(4, 2, 256, 48, 64, type), [0, 47, 48, 49, 500]);
            cases.Add(new Shape(8, 1, 256, null, 100, type), [99]);
            cases.Add(new Shape(2, 1, 32, null, 70, type, Size: 100), [69]);
        }
        // Past 4,096 keys, in splits of a global layer and around the ring of a sliding one.
        cases.Add(new Shape(2, 1, 256, null, 4300, TensorType.F16), [4291]);
        cases.Add(new Shape(2, 1, 32, 4096, 4096 + 255, TensorType.Q8_0), [4095, 4096, 8191]);
        return cases;
    }

    /// <summary>Shapes, position of a prompt's first query, queries.</summary>
    public static TheoryData<Shape, int, int> PromptCases()
    {
        var cases = new TheoryData<Shape, int, int>();
        foreach (TensorType type in _cacheTypes)
        {
            foreach (int count in new[] { 1, 2, 7, 8, 9, 15, 16, 17, 65 })
                cases.Add(new Shape(4, 2, 16, 8, 8 + count - 1, type), 5, count);
            foreach (int position in new[] { 0, 7, 8, 9, 31, 32, 33, 255, 256, 257 })
                cases.Add(new Shape(2, 1, 32, 40, 64, type), position, 3);
            // Groups of 1, 3, 4 and 8; windows of 1 and larger than the context; head dimensions that are no multiples of anything.
            cases.Add(new Shape(2, 2, 64, 1, 40, type), 0, 33);
            cases.Add(new Shape(4, 1, 128, 5000, 300, type), 250, 20);
            cases.Add(new Shape(8, 1, 144, null, 100, type), 60, 5);
            cases.Add(new Shape(3, 1, 18, 33, 60, type, Softcap: 0), 40, 12);
            cases.Add(new Shape(1, 1, 2, null, 40, type), 3, 18);
            cases.Add(new Shape(17, 1, 8, null, 20, type), 0, 3);
            cases.Add(new Shape(1, 1, 72, null, 90, type), 80, 6);
            cases.Add(new Shape(2, 1, 512, 20, 64, type), 90, 3);
            // What the models have: 256 with cap and window; scores far beyond the cap.
            cases.Add(new Shape(4, 2, 256, 48, 48 + 16, type), 290, 17);
            cases.Add(new Shape(2, 1, 32, null, 70, type, Size: 100), 60, 10);
        }
        // A whole chunk; past 4,096 keys in a global layer and around the ring of a sliding one.
        cases.Add(new Shape(2, 1, 32, 100, 355, TensorType.F16), 1000, 256);
        cases.Add(new Shape(2, 1, 64, null, 4300, TensorType.F16), 4280, 9);
        cases.Add(new Shape(2, 1, 32, 4096, 4096 + 8, TensorType.F16), 4090, 9);
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
    public void AttendPrompt_OddShapes_MatchesOracle(Shape c, int position, int count)
    {
        var world = new World(this, c, Consecutive(position, count));
        foreach (KernelFamily family in PromptFamilies())
        {
            Activation y = PoisonedRows(count, c.Heads * c.HeadDimension);
            var kernel = Own(new AttentionKernel(Device, world.Shape, c.Type, family));

            Run(commands => kernel.Record(commands, world.PassRows, world.Qkv, world.Cache, y, Scratch(world), c.Window, isPrompt: true, count));

            AssertClose(world.Expected(), ReadRows(y, count), _ => 5e-5 * c.Size);
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
            Shape = new AttentionShape
            {
                Heads = c.Heads,
                KeyValueHeads = c.KeyValueHeads,
                HeadDimension = c.HeadDimension,
                Scale = 1 / Math.Sqrt(c.HeadDimension + 3),
                Softcap = c.Softcap,
            };
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
