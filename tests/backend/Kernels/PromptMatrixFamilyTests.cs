using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Tests.Kernels;

/// <summary>
/// The families for prompts on GPUs, each for every type of weights: tiles of shared memory, cooperative matrices, packed 8-bit products. What a device or a
/// build lacks is skipped.
/// </summary>
public sealed class PromptMatrixFamilyTests(DeviceFixture fixture) : KernelTest(fixture)
{
    private static readonly KernelFamily[] _families = [KernelFamily.Tiled, KernelFamily.Coopmat, KernelFamily.Int8];

    // Types with all that can differ: no scale, minimums, scales of 16 columns and of 256.
    private static readonly TensorType[] _someTypes = [TensorType.BF16, TensorType.Q5_1, TensorType.Q6_K];

    public static TheoryData<KernelFamily, TensorType> Variants() => Pairs(_families, Enum.GetValues<TensorType>());

    public static TheoryData<KernelFamily, TensorType> SomeVariants() => Pairs(_families, _someTypes);

    public static TheoryData<KernelFamily> Families() => [.. _families];

    [Theory]
    [MemberData(nameof(Variants))]
    public void Multiply_OddShapes_MatchesOracle(KernelFamily name, TensorType type)
    {
        using IMatrixFamily family = Create(name, type, SmallTile(name));
        int block = Math.Max(32, type.BlockElements());
        // Around tiles of 32 tokens and 64 rows; the last chunk of columns not full where the type allows.
        foreach ((int count, int rows, int columns) in new[] { (9, 1, block), (31, 64, block * 3), (32, 63, block), (33, 65, 2304), (65, 129, type.IsQuantized() ? block : 47) })
            Multiply(family, name, type, 1, count, rows, columns, 10);
    }

    [Theory]
    [MemberData(nameof(SomeVariants))]
    public void Multiply_EveryTileAndInterleavedRows_MatchesOracle(KernelFamily name, TensorType type)
    {
        foreach (MatrixTile tile in Tiles(name))
        {
            Assert.SkipWhen(name == KernelFamily.Coopmat && Device.Description.Kind == DeviceKind.Software, "A CPU driver takes minutes to compile these tiles.");
            using IMatrixFamily family = Create(name, type, tile);
            Multiply(family, name, type, 8, (int)tile.Tokens + 1, (int)tile.Rows + 3, 256, 10);
        }
    }

    [Theory]
    [MemberData(nameof(SomeVariants))]
    public void MultiplyGeglu_OddShapes_MatchesOracle(KernelFamily name, TensorType type)
    {
        using IMatrixFamily family = Create(name, type, SmallTile(name));
        foreach ((int count, int rows, int columns) in new[] { (9, 1, 256), (33, 31, 256), (32, 65, 512) })
        {
            TestMatrix gate = TestMatrix.Random(Random, type, rows, columns), up = TestMatrix.Random(Random, type, rows, columns);
            float[] x = RandomNumbers(count * columns);
            DeviceMatrix g = Upload(gate, 1), w = Upload(up, 1);
            Activation u = PoisonedRows(count, rows);

            Run(commands => family.RecordGeglu(commands, g.Layout, g.Parts[0], w.Parts[0], UploadRows(x, columns), u, new RowGroup(RowKind.Prompt, count)));

            (double[] gates, double[] gateBounds) = Product(name, gate, x);
            (double[] ups, double[] upBounds) = Product(name, up, x);
            double[] expected = [.. gates.Zip(ups, (value, factor) => Oracle.GeluTanh(value) * factor)];
            // The slope of GELU is at most 1.13.
            AssertClose(expected, ReadRows(u, count), i =>
                (1.13 * gateBounds[i] * (Math.Abs(ups[i]) + upBounds[i])) + (Math.Abs(gates[i]) * upBounds[i]) + (1e-5 * Math.Abs(expected[i])) + 1e-6);
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Multiply_LargeAndSmallRowsTogether_KeepsTheExactnessOfEach(KernelFamily name)
    {
        const int count = 40, rows = 70, columns = 512;
        using IMatrixFamily family = Create(name, TensorType.Q8_0, SmallTile(name));
        TestMatrix weights = TestMatrix.Random(Random, TensorType.Q8_0, rows, columns);
        float[] x = RandomNumbers(count * columns);
        // From 1e-6 to 1e30, and a row with one number that is far larger than the others.
        for (int i = 0; i < x.Length; i++) x[i] *= MathF.Pow(10, (i / columns % 37) - 6);
        x[5 * columns] = 1e4f;
        DeviceMatrix matrix = Upload(weights, 1);
        Activation y = PoisonedRows(count, rows);

        Run(commands => family.Record(commands, matrix.Layout, matrix.Parts[0], UploadRows(x, columns), y, new RowGroup(RowKind.Prompt, count)));

        (double[] expected, double[] bounds) = Product(name, weights, x);
        AssertClose(expected, ReadRows(y, count), i => bounds[i]);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Multiply_NotANumber_StaysInItsRow(KernelFamily name)
    {
        const int count = 12, rows = 20, columns = 64;
        using IMatrixFamily family = Create(name, TensorType.Q8_0, SmallTile(name));
        TestMatrix weights = TestMatrix.Random(Random, TensorType.Q8_0, rows, columns);
        float[] x = RandomNumbers(count * columns);
        x[(3 * columns) + 40] = float.NaN;
        DeviceMatrix matrix = Upload(weights, 1);
        Activation y = PoisonedRows(count, rows);

        Run(commands => family.Record(commands, matrix.Layout, matrix.Parts[0], UploadRows(x, columns), y, new RowGroup(RowKind.Prompt, count)));

        float[] results = ReadRows(y, count);
        for (int i = 0; i < results.Length; i++) Assert.Equal(i / rows == 3, float.IsNaN(results[i]));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Multiply_OneAfterTheOther_DoNotDisturbEachOther(KernelFamily name)
    {
        // Both go through the same memory for prepared activations.
        const int count = 33, rows = 40;
        using IMatrixFamily family = Create(name, TensorType.Q8_0, SmallTile(name));
        TestMatrix[] weights = [TestMatrix.Random(Random, TensorType.Q8_0, rows, 64), TestMatrix.Random(Random, TensorType.Q8_0, rows, 1024)];
        DeviceMatrix[] matrices = [.. weights.Select(matrix => Upload(matrix, 1))];
        float[][] x = [RandomNumbers(count * 64), RandomNumbers(count * 1024)];
        Activation[] inputs = [UploadRows(x[0], 64), UploadRows(x[1], 1024)];
        Activation[] y = [PoisonedRows(count, rows), PoisonedRows(count, rows), PoisonedRows(count, rows)];

        Run(commands =>
        {
            for (int i = 0; i < y.Length; i++) family.Record(commands, matrices[i % 2].Layout, matrices[i % 2].Parts[0], inputs[i % 2], y[i], new RowGroup(RowKind.Prompt, count));
        });

        for (int i = 0; i < y.Length; i++)
        {
            (double[] expected, double[] bounds) = Product(name, weights[i % 2], x[i % 2]);
            AssertClose(expected, ReadRows(y[i], count), j => bounds[j]);
        }
    }

    [Fact]
    public void Choose_Tile_FillsTheDeviceBeforeItGrows()
    {
        IReadOnlyList<MatrixTile> tiles = TiledMatrixFamily.Tiles;

        Assert.Equal(tiles[^1], MatrixTile.Choose(tiles, 9, 256000));
        Assert.Equal(tiles[^1], MatrixTile.Choose(tiles, 40, 512));
        Assert.Equal(tiles[1], MatrixTile.Choose(tiles, 256, 2304));
        Assert.Equal(tiles[0], MatrixTile.Choose(tiles, 256, 2 * 9216));
        Assert.Equal(tiles[1], MatrixTile.Choose(tiles, 50, 2 * 9216));
    }

    private static TheoryData<KernelFamily, TensorType> Pairs(KernelFamily[] families, TensorType[] types)
    {
        var pairs = new TheoryData<KernelFamily, TensorType>();
        foreach (KernelFamily family in families)
            foreach (TensorType type in types)
                if (family != KernelFamily.Int8 || type.IsQuantized()) pairs.Add(family, type);
        return pairs;
    }

    private static IReadOnlyList<MatrixTile> Tiles(KernelFamily family) => family switch
    {
        KernelFamily.Tiled => TiledMatrixFamily.Tiles,
        KernelFamily.Coopmat => CooperativeMatrixFamily.Tiles,
        _ => Int8MatrixFamily.Tiles,
    };

    /// <summary>The tile that most cases run with. CPU drivers take minutes to compile the cooperative matrices of a large one.</summary>
    private MatrixTile SmallTile(KernelFamily family) =>
        family == KernelFamily.Coopmat && CooperativeMatrixFamily.Shape(Device.Description.Capabilities) is { } shape
            ? new MatrixTile(2 * (uint)shape.M, 4 * (uint)shape.N)
            : Tiles(family)[^1];

    private IMatrixFamily Create(KernelFamily name, TensorType type, MatrixTile? tile)
    {
        try
        {
            KernelChoice.For(Device.Description, new KernelOptions { Forced = name });
        }
        catch (DeviceException error)
        {
            Assert.Skip(error.Message);
        }
        Assert.SkipWhen(name == KernelFamily.Coopmat && type == TensorType.F32, "Weights in float32 are left to kernels that compute in float32.");
        return name switch
        {
            KernelFamily.Tiled => new TiledMatrixFamily(Device, tile),
            KernelFamily.Coopmat => new CooperativeMatrixFamily(Device, tile),
            _ => new Int8MatrixFamily(Device, tile),
        };
    }

    private void Multiply(IMatrixFamily family, KernelFamily name, TensorType type, int tileRows, int count, int rows, int columns, float scale)
    {
        TestMatrix weights = TestMatrix.Random(Random, type, rows, columns);
        float[] x = RandomNumbers(count * columns, scale);
        DeviceMatrix matrix = Upload(weights, tileRows);
        Activation y = PoisonedRows(count, rows);
        Assert.True(family.Supports(matrix.Layout, RowKind.Prompt, matrices: 1));

        Run(commands => family.Record(commands, matrix.Layout, matrix.Parts[0], UploadRows(x, columns), y, new RowGroup(RowKind.Prompt, count)));

        (double[] expected, double[] bounds) = Product(name, weights, x);
        AssertClose(expected, ReadRows(y, count), i => bounds[i]);
    }

    /// <summary>The product, and how far each family's rounding may take it.</summary>
    private static (double[] Product, double[] Bounds) Product(KernelFamily family, TestMatrix weights, float[] x)
    {
        (int rows, int columns) = (weights.Rows, weights.Columns);
        (double[] product, double[] magnitude) = Oracle.Multiply(weights.Values, x, rows, columns);
        // Sums in float32; quants and minimums may be multiplied apart, and both can be as large as any weight.
        double largestWeight = weights.Values.Max(Math.Abs);
        var bounds = new double[product.Length];
        for (int i = 0; i < bounds.Length; i++)
        {
            ReadOnlySpan<float> row = x.AsSpan(i / rows * columns, columns);
            double sum = 0;
            foreach (float value in row) sum += Math.Abs(value);
            bounds[i] = (3e-6 * largestWeight * sum) + 1e-30 + (family switch
            {
                // Both factors are rounded to 11 bits; weights below 2^-14 to multiples of 2^-24, activations to 2^-38 of the row's largest.
                KernelFamily.Coopmat => (magnitude[i] / 1024) + (sum * Math.Pow(2, -25)) + (Largest(row) * columns * largestWeight * Math.Pow(2, -38)),
                // Activations are rounded to half a step of 1 / 32512 of the largest of their 32.
                KernelFamily.Int8 => QuantizationBound(row, weights.Values.AsSpan(i % rows * columns, columns)),
                _ => 0,
            });
        }
        return (product, bounds);
    }

    private static double QuantizationBound(ReadOnlySpan<float> x, ReadOnlySpan<float> w)
    {
        double bound = 0;
        for (int first = 0; first < x.Length; first += 32)
        {
            double weights = 0;
            foreach (float value in w.Slice(first, 32)) weights += Math.Abs(value);
            bound += Largest(x.Slice(first, 32)) * weights * 0.501 / 32512;
        }
        return bound;
    }

    private static double Largest(ReadOnlySpan<float> values)
    {
        double largest = 0;
        foreach (float value in values) largest = Math.Max(largest, Math.Abs(value));
        return largest;
    }
}
