using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Tests.Kernels;

/// <summary>Every family of kernels that multiplies in float32, for every type of weights, in rows one after the other as for GPUs, and interleaved as for CPU drivers.</summary>
public sealed class MatrixKernelTests(DeviceFixture fixture) : KernelTest(fixture)
{
    public static TheoryData<KernelFamily, TensorType, bool> Variants()
    {
        var variants = new TheoryData<KernelFamily, TensorType, bool>();
        // A process with other subgroups (SubgroupWidthTests) compiles everything anew: what they change is alike in all types.
        bool isOther = Environment.GetEnvironmentVariable(SubgroupWidthTests.OtherProcess) is not null;
        foreach (TensorType type in isOther ? [TensorType.F32, TensorType.Q8_0, TensorType.Q3_K] : Enum.GetValues<TensorType>())
        {
            // What differs between tiles is where a row's chunks are, which is alike in all types.
            variants.Add(KernelFamily.Generic, type, (int)type % 2 != 0);
            variants.Add(KernelFamily.Cpu, type, true);
        }
        variants.Add(KernelFamily.Generic, TensorType.Q5_K, false);
        variants.Add(KernelFamily.Generic, TensorType.IQ4_XS, true);
        return variants;
    }

    /// <summary>The same with few types for CPU drivers, which take a second to compile a kernel of that family.</summary>
    public static TheoryData<KernelFamily, TensorType, bool> FewVariants()
    {
        var variants = new TheoryData<KernelFamily, TensorType, bool>();
        foreach (var variant in Variants())
            if (variant.Data.Item1 != KernelFamily.Cpu || HasAllCounts(variant.Data.Item2)) variants.Add(variant);
        return variants;
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Multiply_OddShapes_MatchesOracle(KernelFamily family, TensorType type, bool isInterleaved)
    {
        MatrixKernels kernels = ForcedKernels(family);
        bool few = family == KernelFamily.Cpu && !HasAllCounts(type);
        int[] counts = few ? [1, 17, 1, 9, 1, 8] : [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 64, 65];
        int[] rows = [1, 5, 33, 8, 17, 64, 15];
        int[] widths = family == KernelFamily.Cpu ? FewWidths(type) : Widths(type);
        for (int i = 0; i < counts.Length; i++) Multiply(kernels, family, type, isInterleaved, counts[i], rows[i % rows.Length], widths[i % widths.Length], 10);
        if (few) return;
        Multiply(kernels, family, type, isInterleaved, 1, 33, 2304, 1e4f);
        Multiply(kernels, family, type, isInterleaved, 8, 5, 2304, 1e4f);
        Multiply(kernels, family, type, isInterleaved, 17, 33, 2304, 1e4f);
    }

    [Theory]
    [MemberData(nameof(FewVariants))]
    public void MultiplyGeglu_OddShapes_MatchesOracle(KernelFamily family, TensorType type, bool isInterleaved)
    {
        MatrixKernels kernels = ForcedKernels(family);
        foreach ((int count, int rows, int columns) in new[] { (1, 33, 256), (3, 5, 256), (8, 9, 2304), (9, 33, 256), (17, 8, 256), (64, 1, 256) })
        {
            TestMatrix gate = TestMatrix.Random(Random, type, rows, columns), up = TestMatrix.Random(Random, type, rows, columns);
            float[] x = RandomNumbers(count * columns);
            foreach (RowKind kind in Kinds(family))
            {
                Activation u = PoisonedRows(count, rows);

                Run(commands => kernels.RecordGeglu(
                    commands, Upload(gate, TileRows(isInterleaved)), Upload(up, TileRows(isInterleaved)), UploadRows(x, columns), u, RowCounts.Of(kind, count)));

                (double[] gates, double[] gateBounds) = Product(gate, x);
                (double[] ups, double[] upBounds) = Product(up, x);
                double[] expected = [.. gates.Zip(ups, (g, w) => Oracle.GeluTanh(g) * w)];
                AssertClose(expected, ReadRows(u, count), i => (2 * Math.Abs(ups[i]) * gateBounds[i]) + ((Math.Abs(gates[i]) + 1) * upBounds[i]) + (1e-5 * Math.Abs(expected[i])) + 1e-5);
            }
        }
    }

    [Theory]
    [MemberData(nameof(FewVariants))]
    public void Multiply_AnyNumberOfRowsThatDecode_GivesSameBits(KernelFamily family, TensorType type, bool isInterleaved)
    {
        const int rows = 33, columns = 256, most = StepLimits.DecodingRows;
        MatrixKernels kernels = ForcedKernels(family);
        TestMatrix weights = TestMatrix.Random(Random, type, rows, columns);
        DeviceMatrix matrix = Upload(weights, TileRows(isInterleaved)), other = Upload(TestMatrix.Random(Random, type, rows, columns), TileRows(isInterleaved));
        Activation input = UploadRows(RandomNumbers(most * columns), columns);
        var (whole, wholeGeglu) = (PoisonedRows(most, rows), PoisonedRows(most, rows));
        Run(commands =>
        {
            kernels.Record(commands, matrix, input, whole, RowCounts.Of(RowKind.Decoding, most));
            kernels.RecordGeglu(commands, matrix, other, input, wholeGeglu, RowCounts.Of(RowKind.Decoding, most));
        });
        float[] expected = ReadRows(whole, most), expectedGeglu = ReadRows(wholeGeglu, most);

        foreach (int count in new[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 23, 25, 31 })
        {
            int first = most - count;
            var (y, u) = (PoisonedRows(count, rows), PoisonedRows(count, rows));
            Run(commands =>
            {
                kernels.Record(commands, matrix, input.From(first), y, RowCounts.Of(RowKind.Decoding, count));
                kernels.RecordGeglu(commands, matrix, other, input.From(first), u, RowCounts.Of(RowKind.Decoding, count));
            });
            Assert.Equal(expected[(first * rows)..], ReadRows(y, count));
            Assert.Equal(expectedGeglu[(first * rows)..], ReadRows(u, count));
        }
    }

    [Theory]
    [InlineData(KernelFamily.Generic, TensorType.F32, true)]
    [InlineData(KernelFamily.Generic, TensorType.Q4_K, false)]
    [InlineData(KernelFamily.Cpu, TensorType.F32, true)]
    [InlineData(KernelFamily.Cpu, TensorType.Q4_K, true)]
    public void Multiply_SameRowInOtherChunks_GivesSameBits(KernelFamily family, TensorType type, bool isInterleaved)
    {
        const int rows = 50, columns = 256, count = 40;
        MatrixKernels kernels = ForcedKernels(family);
        DeviceMatrix matrix = Upload(TestMatrix.Random(Random, type, rows, columns), TileRows(isInterleaved));
        Activation input = UploadRows(RandomNumbers(count * columns), columns);
        Activation whole = PoisonedRows(count, rows);
        Activation tail = PoisonedRows(count - 3, rows);

        Run(commands => kernels.Record(commands, matrix, input, whole, RowCounts.Of(RowKind.Prompt, count)));
        Run(commands => kernels.Record(commands, matrix, input.From(3), tail, RowCounts.Of(RowKind.Prompt, count - 3)));

        Assert.Equal(ReadRows(whole, count)[(3 * rows)..], ReadRows(tail, count - 3));
    }

    [Theory]
    [InlineData(KernelFamily.Generic, TensorType.F32, true)]
    [InlineData(KernelFamily.Generic, TensorType.Q4_K, false)]
    [InlineData(KernelFamily.Cpu, TensorType.F32, true)]
    [InlineData(KernelFamily.Cpu, TensorType.Q4_K, true)]
    public void Multiply_BothKindsTogether_GivesTheBitsOfEachAlone(KernelFamily family, TensorType type, bool isInterleaved)
    {
        const int rows = 50, columns = 256;
        MatrixKernels kernels = ForcedKernels(family);
        DeviceMatrix matrix = Upload(TestMatrix.Random(Random, type, rows, columns), TileRows(isInterleaved));
        foreach ((int prompt, int decoding) in new[] { (1, 1), (1, 9), (17, 3), (40, 32) })
        {
            Activation x = UploadRows(RandomNumbers((prompt + decoding) * columns), columns);
            var (together, prompts, others) = (PoisonedRows(prompt + decoding, rows), PoisonedRows(prompt, rows), PoisonedRows(decoding, rows));

            Run(commands =>
            {
                kernels.Record(commands, matrix, x, together, new RowCounts(prompt, decoding));
                kernels.Record(commands, matrix, x, prompts, new RowCounts(prompt, 0));
                kernels.Record(commands, matrix, x.From(prompt), others, new RowCounts(0, decoding));
            });

            Assert.Equal([.. ReadRows(prompts, prompt), .. ReadRows(others, decoding)], ReadRows(together, prompt + decoding));
        }
    }

    [Theory]
    [InlineData(KernelFamily.Generic, TensorType.F16, false)]
    [InlineData(KernelFamily.Generic, TensorType.Q6_K, true)]
    [InlineData(KernelFamily.Cpu, TensorType.Q5_0, true)]
    public void Multiply_MatrixInParts_GivesSameBits(KernelFamily family, TensorType type, bool isInterleaved)
    {
        const int rows = 53, columns = 256;
        MatrixKernels kernels = ForcedKernels(family);
        TestMatrix weights = TestMatrix.Random(Random, type, rows, columns);
        DeviceMatrix whole = Upload(weights, TileRows(isInterleaved)), parts = Upload(weights, TileRows(isInterleaved), partRows: 16);
        Assert.Equal(4, parts.Parts.Count);
        foreach (RowCounts group in new RowCounts[] { new(0, 1), new(0, 5), new(20, 0), new(3, 2) })
        {
            int count = group.Total;
            Activation x = UploadRows(RandomNumbers(count * columns), columns);
            Activation[] y = [.. Enumerable.Range(0, 4).Select(_ => PoisonedRows(count, rows))];

            Run(commands =>
            {
                kernels.Record(commands, whole, x, y[0], group);
                kernels.Record(commands, parts, x, y[1], group);
                kernels.RecordGeglu(commands, whole, whole, x, y[2], group);
                kernels.RecordGeglu(commands, parts, parts, x, y[3], group);
            });

            Assert.Equal(ReadRows(y[0], count), ReadRows(y[1], count));
            Assert.Equal(ReadRows(y[2], count), ReadRows(y[3], count));
        }
    }

    [Theory]
    [InlineData(KernelFamily.Generic)]
    [InlineData(KernelFamily.Cpu)]
    public void Multiply_HugeAndTinyWeights_KeepsBothExact(KernelFamily family)
    {
        // Subnormal halves and bfloat16 at the ends of its range must not be flushed or clipped.
        MatrixKernels kernels = ForcedKernels(family);
        var half = new TestMatrix(TensorType.F16, 2, 1, [.. BitConverter.GetBytes((Half)6e-8f), .. BitConverter.GetBytes((Half)(-65504f))]);
        var brain = new TestMatrix(TensorType.BF16, 2, 1, [0x61, 0x7f, 0x08, 0x02]); // 2.99e38 and 9.99e-38
        foreach (TestMatrix matrix in new[] { half, brain })
        {
            Activation y = PoisonedRows(1, 2);

            Run(commands => kernels.Record(commands, Upload(matrix, MatrixKernels.TileRows(Device.Description)), UploadRows([1], 1), y, new RowCounts(0, 1)));

            Assert.Equal(matrix.Values, ReadRows(y, 1));
        }
    }

    [Theory]
    [InlineData(KernelFamily.Generic)]
    [InlineData(KernelFamily.Cpu)]
    public void MultiplyGeglu_ExtremeGate_DoesNotOverflow(KernelFamily family)
    {
        MatrixKernels kernels = ForcedKernels(family);
        float[] gates = [-1e4f, 1e4f, -1e30f, 0];
        TestMatrix gate = new(TensorType.F32, 4, 1, [.. gates.SelectMany(BitConverter.GetBytes)]);
        TestMatrix up = new(TensorType.F32, 4, 1, [.. gates.SelectMany(_ => BitConverter.GetBytes(1f))]);
        bool isInterleaved = MatrixKernels.TileRows(Device.Description) > 1;
        foreach (int count in new[] { 1, 20 })
        {
            float[] x = [.. Enumerable.Repeat(1f, count)];
            Activation u = PoisonedRows(count, 4);

            Run(commands => kernels.RecordGeglu(commands, Upload(gate, TileRows(isInterleaved)), Upload(up, TileRows(isInterleaved)), UploadRows(x, 1), u, new RowCounts(count / 2, count - (count / 2))));

            AssertClose([.. x.SelectMany(_ => new double[] { 0, 1e4, 0, 0 })], ReadRows(u, count), _ => 1e-3);
        }
    }

    private static int[] Widths(TensorType type) => type.BlockElements() switch
    {
        1 => [32, 1, 64, 7, 96, 31, 256, 33, 2304, 40, 2],
        32 => [32, 64, 96, 256, 2304],
        _ => [256, 2304, 512],
    };

    private static int[] FewWidths(TensorType type) => type.BlockElements() switch
    {
        1 => [33, 1],
        32 => [96, 32],
        _ => [256],
    };

    /// <summary>Types of which kernels for CPU drivers are tried with all numbers of rows: with one scale a chunk, with a minimum, with a scale for each half.</summary>
    private static bool HasAllCounts(TensorType type) => type is TensorType.Q8_0 or TensorType.Q4_K or TensorType.Q6_K;

    private int TileRows(bool isInterleaved) => isInterleaved ? Device.Description.SubgroupSize : 1;

    private void Multiply(MatrixKernels kernels, KernelFamily family, TensorType type, bool isInterleaved, int count, int rows, int columns, float scale)
    {
        TestMatrix weights = TestMatrix.Random(Random, type, rows, columns);
        float[] x = RandomNumbers(count * columns, scale);
        (double[] expected, double[] bounds) = Product(weights, x);
        foreach (RowKind kind in Kinds(family))
        {
            Activation y = PoisonedRows(count, rows);

            Run(commands => kernels.Record(commands, Upload(weights, TileRows(isInterleaved)), UploadRows(x, columns), y, RowCounts.Of(kind, count)));

            AssertClose(expected, ReadRows(y, count), i => bounds[i]);
        }
    }

    /// <summary>One where both are the same.</summary>
    private static RowKind[] Kinds(KernelFamily family) => family == KernelFamily.Cpu ? [RowKind.Decoding] : [RowKind.Prompt, RowKind.Decoding];

    /// <summary>The product, and how far rounding may take it: kernels may multiply quants and minimums apart, which both can be as large as any weight.</summary>
    private static (double[] Product, double[] Bounds) Product(TestMatrix weights, float[] x)
    {
        (double[] product, _) = Oracle.Multiply(weights.Values, x, weights.Rows, weights.Columns);
        double largest = weights.Values.Max(Math.Abs);
        double[] bounds = [.. x.Chunk(weights.Columns).SelectMany(row => Enumerable.Repeat((3e-6 * largest * row.Sum(v => (double)Math.Abs(v))) + 1e-30, weights.Rows))];
        return (product, bounds);
    }
}
