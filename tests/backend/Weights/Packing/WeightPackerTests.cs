using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Blocks;
using Gemma2.Backend.Tensors.Packing;
using Gemma2.Backend.Tests.Kernels;

namespace Gemma2.Backend.Tests.Weights.Packing;

public sealed class WeightPackerTests
{
    private readonly Random _random = new(7);

    public static TheoryData<TensorType, int> Variants()
    {
        var variants = new TheoryData<TensorType, int>();
        foreach (TensorType type in Enum.GetValues<TensorType>())
            foreach (int tileRows in new[] { 1, 8 })
                variants.Add(type, tileRows);
        return variants;
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Pack_AnyRowsAndColumns_KeepsEveryValue(TensorType type, int tileRows)
    {
        int[] widths = type.BlockElements() switch { 1 => [1, 31, 32, 33, 100], 32 => [32, 96, 256], _ => [256, 768] };
        foreach (int columns in widths)
            foreach (int rows in new[] { 1, 5, 8, 33 })
                CheckValues(TestMatrix.Random(_random, type, rows, columns), tileRows, matrix => matrix.Pack(new WeightLayout(type, columns, tileRows), 0, rows));
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Pack_RowsOneAfterTheOther_GivesTheSameBytes(TensorType type, int tileRows)
    {
        const int rows = 19, columns = 256;
        var layout = new WeightLayout(type, columns, tileRows);
        CheckValues(TestMatrix.Random(_random, type, rows, columns), tileRows, matrix => PackSingly(matrix, layout));
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Bytes_OfAWideMatrix_AreAtMost4PercentMoreThanTheFiles(TensorType type, int tileRows) =>
        Assert.InRange(new WeightLayout(type, 2304, tileRows).Bytes(2304) / (double)(2304 * type.RowBytes(2304)), 1, 1.04);

    [Theory]
    [MemberData(nameof(Variants))]
    public void RowsWithin_SomeBytes_FitAndAreWholeTiles(TensorType type, int tileRows)
    {
        var layout = new WeightLayout(type, 512, tileRows);
        int rows = layout.RowsWithin(1_000_000);
        Assert.True(layout.Bytes(rows) <= 1_000_000);
        Assert.True(layout.Bytes(rows) > 500_000);
        Assert.Equal(0, rows % tileRows);
    }

    private static unsafe byte[] PackSingly(TestMatrix matrix, WeightLayout layout)
    {
        var packed = new byte[layout.Bytes(matrix.Rows)];
        fixed (byte* address = packed)
        {
            PackedPlanes planes = layout.Planes(matrix.Rows).At(address, layout.TileRows);
            for (int row = 0; row < matrix.Rows; row++)
                WeightPacker.Pack(layout, matrix.Stored.AsSpan(row * layout.FileRowBytes, layout.FileRowBytes), row, planes);
        }
        return packed;
    }

    private static void CheckValues(TestMatrix matrix, int tileRows, Func<TestMatrix, byte[]> pack)
    {
        var packed = new PackedMatrix(new WeightLayout(matrix.Type, matrix.Columns, tileRows), matrix.Rows, pack(matrix));
        for (int row = 0; row < matrix.Rows; row++)
        {
            for (int column = 0; column < matrix.Columns; column++)
            {
                float expected = matrix.Values[(row * matrix.Columns) + column], actual = packed.Value(row, column);
                // The order of factors may differ from the codec's.
                Assert.True(Math.Abs(expected - actual) <= 1e-6 * Math.Abs(expected) + 1e-6, $"[{row}, {column}] is {actual}, not {expected}");
            }
        }
    }
}
