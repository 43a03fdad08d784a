using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Tests.Kernels;

public sealed class AttentionKernelTests(DeviceFixture fixture) : KernelTest(fixture)
{
    /// <summary>Heads, key/value heads, numbers a head; window (null: all); type of the cache; softcap; size of queries and keys.</summary>
    public sealed record Shape(int Heads, int KeyValueHeads, int HeadDimension, int? Window, TensorType Type, double Softcap = 50, float Size = 1);

    /// <summary>Shapes and the positions of decoding rows, each in a sequence of its own.</summary>
    public static TheoryData<Shape, int[]> DecodeCases()
    {
        var cases = new TheoryData<Shape, int[]>();
        foreach (TensorType type in new[] { TensorType.F16, TensorType.F32, TensorType.Q8_0 })
        {
            // Around the window; a head dimension that is no multiple of anything; what the models have.
            cases.Add(new Shape(4, 2, 16, 8, type), [0, 6, 7, 8, 9, 15, 63, 100]);
            cases.Add(new Shape(3, 1, 18, 33, type, Softcap: 0), [3, 70]);
            cases.Add(new Shape(4, 2, 256, 48, type), [0, 47, 48, 49, 500]);
            // Windows that begin in the middle of a block and of a cluster of keys, also where there are several splits.
            cases.Add(new Shape(4, 2, 32, 40, type), [38, 39, 40, 63, 64, 71, 72, 75, 102, 103, 104, 1001]);
            cases.Add(new Shape(2, 1, 32, 300, type), [299, 300, 307, 308, 331, 332, 2005]);
        }
        // Around a block's length and its multiples; scores far beyond the cap; a window of 1 and one larger than the context.
        cases.Add(new Shape(2, 1, 32, null, TensorType.F16), [31, 32, 33, 63, 64, 65, 255, 256, 257, 287, 288, 599]);
        cases.Add(new Shape(2, 1, 32, null, TensorType.F16, Size: 100), [69]);
        cases.Add(new Shape(2, 2, 64, 1, TensorType.F16), [0, 1, 2, 31, 32, 50]);
        cases.Add(new Shape(4, 1, 128, 5000, TensorType.F16), [5, 299]);
        cases.Add(new Shape(8, 1, 144, null, TensorType.Q8_0), [0, 130]);
        cases.Add(new Shape(1, 1, 2, null, TensorType.F32), [11]);
        cases.Add(new Shape(2, 1, 512, 20, TensorType.F16), [90]);
        cases.Add(new Shape(8, 1, 256, null, TensorType.F16), [99]);
        // Past 4,096 keys, in a global layer and in a sliding one.
        cases.Add(new Shape(4, 2, 256, null, TensorType.F16), [4291]);
        cases.Add(new Shape(4, 2, 16, 4096, TensorType.Q8_0), [4095, 4096, 8191]);
        return cases;
    }

    /// <summary>Shapes, positions of a prompt's first query, numbers of queries: each with each.</summary>
    public static TheoryData<Shape, int[], int[]> PromptCases()
    {
        var cases = new TheoryData<Shape, int[], int[]>();
        foreach (TensorType type in new[] { TensorType.F16, TensorType.F32, TensorType.Q8_0 })
        {
            // Around the window; a head dimension that is no multiple of anything; what the models have.
            cases.Add(new Shape(4, 2, 16, 8, type), [5, 255], [1, 2, 7, 8, 9, 15, 16, 17]);
            cases.Add(new Shape(3, 1, 18, 33, type, Softcap: 0), [40], [12]);
            cases.Add(new Shape(4, 2, 256, 48, type), [290], [17]);
            // Windows that begin in the middle of a block.
            cases.Add(new Shape(4, 2, 32, 300, type), [303, 500], [9, 40]);
        }
        // Around tiles of keys; scores far beyond the cap; a window of 1 and one larger than the context; groups of 1, 4, 8 and 17.
        cases.Add(new Shape(2, 1, 32, 40, TensorType.F16), [0, 7, 8, 9, 31, 32, 33, 255, 256, 257], [3]);
        cases.Add(new Shape(2, 1, 32, null, TensorType.F16, Size: 100), [60], [10]);
        cases.Add(new Shape(2, 2, 64, 1, TensorType.F16), [0], [33, 65]);
        cases.Add(new Shape(4, 1, 128, 5000, TensorType.F16), [250], [20]);
        cases.Add(new Shape(8, 1, 144, null, TensorType.Q8_0), [60], [5]);
        cases.Add(new Shape(1, 1, 2, null, TensorType.F32), [3], [18]);
        cases.Add(new Shape(17, 1, 8, null, TensorType.F16), [0], [3]);
        cases.Add(new Shape(2, 1, 512, 20, TensorType.F16), [90], [3]);
        // A whole chunk; past 4,096 keys in a global layer and in a sliding one.
        cases.Add(new Shape(2, 1, 32, 100, TensorType.F16), [1000], [256]);
        cases.Add(new Shape(2, 1, 32, null, TensorType.F16), [4280], [9]);
        cases.Add(new Shape(2, 1, 32, 4096, TensorType.F16), [4090], [9]);
        return cases;
    }

    public static TheoryData<KernelFamily> PromptFamilies() => [KernelFamily.Cpu, KernelFamily.Tiled];

    public static TheoryData<KernelFamily, TensorType> PromptFamiliesAndTypes() =>
        new(from family in PromptFamilies().Select(row => row.Data) from type in new[] { TensorType.F16, TensorType.F32, TensorType.Q8_0 } select (family, type));

    [Theory]
    [MemberData(nameof(DecodeCases))]
    public void AttendDecoding_OddShapes_MatchesOracle(Shape c, int[] positions)
    {
        var world = new World(this, c, [.. positions.Select((position, i) => new StepRow(0, (uint)position, (uint)(positions.Length - 1 - i)))]);
        var kernel = Own(new AttentionKernel(Device, world.Shape, c.Type));

        AssertClose(world.Expected(), Attend(kernel, world, isPrompt: false), _ => 5e-5 * c.Size);
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
                foreach (AttentionKernel kernel in kernels) AssertClose(expected, Attend(kernel, world, isPrompt: true), _ => 5e-5 * c.Size);
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(50)]
    public void Attend_InputsOfTenThousand_StayFinite(double softcap)
    {
        // Scores reach 1e8 and more.
        var c = new Shape(2, 1, 64, null, TensorType.F16, softcap, 1e4f);
        var world = new World(this, c, Consecutive(60, 20));
        var decode = Own(new AttentionKernel(Device, world.Shape, c.Type));
        var tiled = Own(new AttentionKernel(Device, world.Shape, c.Type, KernelFamily.Tiled));
        var cpu = Own(new AttentionKernel(Device, world.Shape, c.Type, KernelFamily.Cpu));
        foreach ((AttentionKernel kernel, bool isPrompt) in new[] { (decode, false), (tiled, true), (cpu, true) })
            Assert.All(Attend(kernel, world, isPrompt), number => Assert.InRange(number, -1.001e4f, 1.001e4f));
    }

    [Theory]
    [InlineData(TensorType.F16)]
    [InlineData(TensorType.F32)]
    [InlineData(TensorType.Q8_0)]
    public void AttendDecoding_32RowsTogether_GiveTheBitsOfEachAlone(TensorType type)
    {
        // Sequences of one row and of many, neighbours and far apart; some in the midst of others.
        StepRow[] rows =
        [
            .. new uint[] { 0, 31, 32, 150, 199, 200, 1000, 7 }.Select((position, i) => new StepRow(0, position, (uint)i)),
            .. Consecutive(250, 15, slot: 9),
            .. new uint[] { 33, 220, 1001, 8, 1, 600, 152, 34, 153 }.Select((position, i) => new StepRow(0, position, (uint)(i % 5))),
        ];
        var world = new World(this, new Shape(4, 2, 64, 200, type), rows);
        var kernel = Own(new AttentionKernel(Device, world.Shape, type));

        float[] together = Attend(kernel, world, isPrompt: false);

        Assert.Equal(32, rows.Length);
        Assert.Equal(together, Attend(kernel, world, isPrompt: false, Parts(rows.Length, 1)));
        Assert.Equal(together, Attend(kernel, world, isPrompt: false, Parts(rows.Length, 5)));
    }

    [Theory]
    [MemberData(nameof(PromptFamiliesAndTypes))]
    public void AttendPrompt_EveryChunking_GivesTheSameBits(KernelFamily family, TensorType type)
    {
        // The first key that a row sees leaves a tile of 256 keys, and blocks; the last one enters a tile; from the beginning.
        foreach ((int position, int count, int? window) in new (int, int, int?)[] { (545, 50, 300), (490, 26, null), (0, 40, 11) })
        {
            var world = new World(this, new Shape(4, 2, 32, window, type), Consecutive(position, count));
            var kernel = Own(new AttentionKernel(Device, world.Shape, type, family));
            float[] whole = Attend(kernel, world, isPrompt: true);
            for (int length = 1; length < count; length++) Assert.Equal(whole, Attend(kernel, world, isPrompt: true, Parts(count, length)));
        }
    }

    [Fact]
    public void AttendDecoding_SequencesThatShareBlocks_GiveTheBitsOfBlocksOfTheirOwn()
    {
        var c = new Shape(4, 2, 32, null, TensorType.F16);
        var shared = new World(this, c, [new(0, 130, 1), new(0, 96, 0), new(0, 95, 2), new(0, 50, 0), new(0, 300, 3), new(0, 97, 1)], sharedBlocks: 3);
        var kernel = Own(new AttentionKernel(Device, shared.Shape, c.Type));

        float[] result = Attend(kernel, shared, isPrompt: false);

        AssertClose(shared.Expected(), result, _ => 5e-5);
        Assert.Equal(result, Attend(kernel, shared.WithOwnBlocks(this), isPrompt: false));
    }

    [Theory]
    [MemberData(nameof(PromptFamilies))]
    public void AttendPrompt_BehindSharedBlocks_GivesTheBitsOfBlocksOfItsOwn(KernelFamily family)
    {
        var c = new Shape(4, 2, 32, 90, TensorType.F16);
        StepRow[] rows = [.. Consecutive(96, 20, slot: 0), .. Consecutive(96, 40, slot: 1), .. Consecutive(90, 10, slot: 2)];
        var shared = new World(this, c, rows, sharedBlocks: 3);
        var kernel = Own(new AttentionKernel(Device, shared.Shape, c.Type, family));
        (int, int)[] segments = [(0, 20), (20, 40), (60, 10)];

        float[] result = Attend(kernel, shared, isPrompt: true, segments);

        AssertClose(shared.Expected(), result, _ => 5e-5);
        Assert.Equal(result, Attend(kernel, shared.WithOwnBlocks(this), isPrompt: true, segments));
    }

    [Theory]
    [MemberData(nameof(PromptFamilies))]
    public void Attend_PromptsAndDecodingSideBySide_GiveTheBitsOfEachAlone(KernelFamily family)
    {
        var c = new Shape(4, 2, 64, 70, TensorType.F16);
        StepRow[] rows = [.. Consecutive(100, 19, slot: 2), .. Consecutive(0, 33, slot: 0), .. Consecutive(80, 3, slot: 1), new(0, 65, 4), new(0, 300, 3)];
        var world = new World(this, c, rows);
        var kernel = Own(new AttentionKernel(Device, world.Shape, c.Type, family));
        (int First, int Count, bool IsPrompt)[] parts = [(0, 19, true), (19, 33, true), (52, 5, false)];
        float[] alone = [.. parts.SelectMany(part => Attend(kernel, world, part.IsPrompt, (part.First, part.Count))[
            (part.First * world.Width)..((part.First + part.Count) * world.Width)])];
        ulong[] scratch = [.. parts.Select(part => Scratch(world, part.Count, part.IsPrompt))];
        for (int i = 0; i < 20; i++)
        {
            Activation y = PoisonedRows(rows.Length, world.Width);
            Run(commands =>
            {
                foreach ((int part, (int first, int count, bool isPrompt)) in parts.Index()) Record(kernel, commands, world, y, first, count, isPrompt, scratch[part]);
            });
            Assert.Equal(alone, ReadRows(y, rows.Length));
        }
    }

    [Theory]
    [InlineData(false, KernelFamily.Cpu, TensorType.F16)]
    [InlineData(false, KernelFamily.Cpu, TensorType.Q8_0)]
    [InlineData(true, KernelFamily.Cpu, TensorType.F16)]
    [InlineData(true, KernelFamily.Cpu, TensorType.Q8_0)]
    [InlineData(true, KernelFamily.Tiled, TensorType.F16)]
    [InlineData(true, KernelFamily.Tiled, TensorType.Q8_0)]
    public void Attend_Repeated100Times_IsBitIdentical(bool isPrompt, KernelFamily family, TensorType type)
    {
        const int count = 32;
        StepRow[] rows = isPrompt ? Consecutive(300, count) : [.. Enumerable.Range(0, count).Select(i => new StepRow(0, (uint)(i * 20), (uint)(i % 12)))];
        var world = new World(this, new Shape(4, 2, 64, 290, type), rows);
        var kernel = Own(new AttentionKernel(Device, world.Shape, type, family));
        float[] first = Attend(kernel, world, isPrompt);
        for (int i = 1; i < 100; i++) Assert.Equal(first, Attend(kernel, world, isPrompt));
    }

    private static AttentionShape ShapeOf(Shape c) => new()
    {
        Heads = c.Heads,
        KeyValueHeads = c.KeyValueHeads,
        HeadDimension = c.HeadDimension,
        Scale = 1 / Math.Sqrt(c.HeadDimension + 3),
        Softcap = c.Softcap,
    };

    private static StepRow[] Consecutive(int position, int count, int slot = 0) =>
        [.. Enumerable.Range(position, count).Select(p => new StepRow(0, (uint)p, (uint)slot))];

    /// <summary>Rows in parts of a length; the last one has what is left.</summary>
    private static (int First, int Count)[] Parts(int rows, int length) =>
        [.. Enumerable.Range(0, (rows + length - 1) / length).Select(i => (i * length, Math.Min(length, rows - (i * length))))];

    /// <summary>Results of rows that are computed part after part, all at once where no parts are given; NaN for rows of none.</summary>
    private float[] Attend(AttentionKernel kernel, World world, bool isPrompt, params (int First, int Count)[] parts)
    {
        if (parts.Length == 0) parts = [(0, world.Rows)];
        Activation y = PoisonedRows(world.Rows, world.Width);
        ulong scratch = Scratch(world, parts.Max(part => part.Count), isPrompt);
        Run(commands =>
        {
            foreach ((int first, int count) in parts)
            {
                Record(kernel, commands, world, y, first, count, isPrompt, scratch);
                commands.Barrier();
            }
        });
        return ReadRows(y, world.Rows);
    }

    private static void Record(
        AttentionKernel kernel, CommandRecorder commands, World world, in Activation y, int first, int count, bool isPrompt, ulong scratch) => kernel.Record(
        commands, world.StepRows + (ulong)(first * StepRow.Bytes), world.Qkv.From(first), world.Cache, y.From(first), scratch, world.Window, isPrompt, count);

    /// <summary>Scratch of NaN, just as large as it must be.</summary>
    private ulong Scratch(World world, int rows, bool isPrompt)
    {
        var poison = new byte[isPrompt ? AttentionKernel.PromptScratchBytes(world.Shape, rows) : AttentionKernel.DecodingScratchBytes(world.Shape, rows)];
        Array.Fill(poison, (byte)0xff);
        return Upload<byte>(poison);
    }

    /// <summary>Queries, and a cache that holds what they must see and NaN everywhere else.</summary>
    private sealed class World
    {
        private readonly Shape _case;
        private readonly StepRow[] _rows;
        private readonly float[] _qkv;
        private readonly int _sharedBlocks;
        private readonly Dictionary<(int Slot, int Position, bool IsValue, int Head), float[]> _numbers;

        /// <param name="test">Whose memory it is in.</param>
        /// <param name="c">What attention is like.</param>
        /// <param name="rows">The queries.</param>
        /// <param name="sharedBlocks">First blocks of sequence 0 that all others share; its rows must see them whole.</param>
        public World(KernelTest test, Shape c, StepRow[] rows, int sharedBlocks = 0)
            : this(test, c, rows, sharedBlocks, test.RandomNumbers(rows.Length * ShapeOf(c).QkvWidth, c.Size), [])
        {
        }

        private World(
            KernelTest test, Shape c, StepRow[] rows, int sharedBlocks, float[] qkv, Dictionary<(int Slot, int Position, bool IsValue, int Head), float[]> numbers)
        {
            (_case, _rows, _qkv, _sharedBlocks, _numbers) = (c, rows, qkv, sharedBlocks, numbers);
            Shape = ShapeOf(c);
            Qkv = test.UploadRows(_qkv, Shape.QkvWidth);
            StepRows = test.Upload<StepRow>(rows);
            Cache = Fill(test).Cache;
        }

        public AttentionShape Shape { get; }

        public int Rows => _rows.Length;

        /// <summary>Numbers of a result.</summary>
        public int Width => Shape.Heads * Shape.HeadDimension;

        public int? Window => _case.Window;

        public ulong StepRows { get; }

        public Activation Qkv { get; }

        public LayerCache Cache { get; }

        /// <summary>The same queries, keys and values, in other blocks, of which none is shared.</summary>
        public World WithOwnBlocks(KernelTest test)
        {
            var numbers = new Dictionary<(int Slot, int Position, bool IsValue, int Head), float[]>(_numbers);
            foreach ((int slot, int position) in Seen())
            {
                foreach ((bool isValue, int head) in Heads())
                    numbers[(slot, position, isValue, head)] = _numbers[(Owner(slot, position), position, isValue, head)];
            }
            return new World(test, _case, _rows, 0, _qkv, numbers);
        }

        /// <summary>[rows, heads * headDim].</summary>
        public double[] Expected()
        {
            var expected = new List<double>();
            int dimension = _case.HeadDimension;
            for (int t = 0; t < _rows.Length; t++)
            {
                (int slot, int last) = ((int)_rows[t].Slot, (int)_rows[t].Position);
                for (int head = 0; head < _case.Heads; head++)
                {
                    int kvHead = head / Shape.Group;
                    ReadOnlySpan<float> query = _qkv.AsSpan((t * Shape.QkvWidth) + (head * dimension), dimension);
                    expected.AddRange(Oracle.Attend(query, p => Row(p, false), p => Row(p, true), First(last), last, Shape.Scale, _case.Softcap));

                    float[] Row(int position, bool isValue) => _numbers[(Owner(slot, position), position, isValue, kvHead)];
                }
            }
            return [.. expected];
        }

        private int First(int position) => Math.Max(0, position - (_case.Window ?? int.MaxValue - position) + 1);

        /// <summary>Whose block a position lies in.</summary>
        private int Owner(int slot, int position) => position / CacheLayout.BlockPositions < _sharedBlocks ? 0 : slot;

        private IEnumerable<(int Slot, int Position)> Seen() => _rows
            .SelectMany(row => Enumerable.Range(First((int)row.Position), (int)row.Position - First((int)row.Position) + 1).Select(position => ((int)row.Slot, position)))
            .Distinct();

        private IEnumerable<(bool IsValue, int Head)> Heads() =>
            from isValue in new[] { false, true } from head in Enumerable.Range(0, Shape.KeyValueHeads) select (isValue, head);

        /// <summary>Stores the numbers that there are, and random ones where there are none yet.</summary>
        private TestCache Fill(KernelTest test)
        {
            (int Slot, int Position)[] seen = [.. Seen()];
            int blocks = seen.Select(row => (Owner(row.Slot, row.Position), row.Position / CacheLayout.BlockPositions)).Distinct().Count();
            var cache = new TestCache(test, Shape, _case.Type, (int)_rows.Max(row => row.Position) + 1, (int)_rows.Max(row => row.Slot) + 1, blocks);
            foreach ((int slot, int position) in seen.Select(row => (Owner(row.Slot, row.Position), row.Position)).Distinct())
            {
                foreach ((bool isValue, int head) in Heads())
                {
                    if (!_numbers.TryGetValue((slot, position, isValue, head), out float[]? numbers))
                        numbers = test.RandomNumbers(Shape.HeadDimension, _case.Size);
                    _numbers[(slot, position, isValue, head)] = cache.Store(slot, position, isValue, head, numbers);
                }
            }
            foreach ((int slot, int position) in seen.DistinctBy(row => (row.Slot, row.Position / CacheLayout.BlockPositions)))
                if (Owner(slot, position) != slot) cache.Share(Owner(slot, position), slot, position);
            return cache;
        }
    }
}
