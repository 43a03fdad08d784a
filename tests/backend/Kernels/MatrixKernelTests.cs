using Gemma2.Backend.Kernels;
using Gemma2.Backend.Weights;

namespace Gemma2.Backend.Tests.Kernels;

public sealed class MatrixKernelTests(DeviceFixture fixture) : KernelTest(fixture)
{
    public static TheoryData<int, int, int, TensorType> Shapes()
    {
        var shapes = new TheoryData<int, int, int, TensorType>();
        foreach (TensorType type in Enum.GetValues<TensorType>().Where(type => !type.IsQuantized()))
        {
            // Tokens around the tile of 16, rows around tiles of 16, columns around blocks of 8 and subgroups of 8 and 32.
            foreach ((int count, int rows, int columns) in new[]
            {
                (1, 1, 1), (1, 5, 7), (1, 17, 64), (1, 500, 2304), (2, 1, 9), (3, 33, 31), (15, 16, 8), (16, 15, 40), (17, 31, 33), (64, 40, 96), (65, 70, 264),
            })
            {
                shapes.Add(count, rows, columns, type);
            }
        }
        return shapes;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Multiply_OddShapes_MatchesOracle(int count, int rows, int columns, TensorType type)
    {
        float[] w = RandomNumbers(rows * columns);
        float[] x = RandomNumbers(count * columns, 10);
        DeviceMatrix matrix = UploadMatrix(w, rows, columns, type);
        Activation y = PoisonedRows(count, rows);
        var kernel = Own(new MatrixKernel(Device, type));

        Run(commands => kernel.Record(commands, matrix, UploadRows(x, columns), y, count));

        (double[] expected, double[] magnitude) = Oracle.Multiply(w, x, rows, columns);
        AssertClose(expected, ReadRows(y, count), i => (2e-6 * magnitude[i]) + 1e-30);
    }

    [Fact]
    public void Multiply_SameRowInOtherChunks_GivesSameBits()
    {
        const int rows = 50, columns = 104, count = 40;
        float[] x = RandomNumbers(count * columns);
        DeviceMatrix matrix = UploadMatrix(RandomNumbers(rows * columns), rows, columns, TensorType.F32);
        Activation input = UploadRows(x, columns);
        Activation whole = PoisonedRows(count, rows);
        Activation tail = PoisonedRows(count - 3, rows);
        var kernel = Own(new MatrixKernel(Device, TensorType.F32));

        Run(commands => kernel.Record(commands, matrix, input, whole, count));
        Run(commands => kernel.Record(commands, matrix, input.From(3), tail, count - 3));

        Assert.Equal(ReadRows(whole, count)[(3 * rows)..], ReadRows(tail, count - 3));
    }

    [Fact]
    public void Multiply_HugeAndTinyWeights_KeepsBothExact()
    {
        // Subnormal halves and bfloat16 at the ends of its range must not be flushed or clipped.
        float[] values = [6e-8f, -65504, 3e38f, 1e-37f];
        foreach (TensorType type in new[] { TensorType.F16, TensorType.BF16 })
        {
            float[] row = type == TensorType.F16 ? values[..2] : values[2..];
            DeviceMatrix matrix = UploadMatrix(row, row.Length, 1, type);
            Activation y = PoisonedRows(1, row.Length);
            var kernel = Own(new MatrixKernel(Device, type));

            Run(commands => kernel.Record(commands, matrix, UploadRows([1], 1), y, 1));

            Assert.Equal(row, ReadRows(y, 1));
        }
    }
}
