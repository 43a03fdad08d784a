using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Rows;

namespace Gemma2.Backend.Tests.Kernels;

public sealed class NormKernelTests(DeviceFixture fixture) : KernelTest(fixture)
{
    private const double Epsilon = 1e-6;
    private const int ManySubgroups = 256;

    [Theory]
    [InlineData(1, 1, 1f)]
    [InlineData(3, 7, 1f)]
    [InlineData(2, 8, 1f)]
    [InlineData(5, 9, 1e-4f)]
    [InlineData(1, 96, 1e4f)]
    [InlineData(4, 2304, 1f)]
    [InlineData(3, 7, 1f, ManySubgroups)]
    [InlineData(2, 2304, 1f, ManySubgroups)]
    public void RmsNorm_OddShapes_MatchesOracle(int count, int width, float scale, int workgroupSize = 0)
    {
        float[] x = RandomNumbers(count * width, scale);
        float[] weight = RandomNumbers(width, 3);
        Activation y = PoisonedRows(count, width);
        var kernel = Own(new RmsNormKernel(Device, workgroupSize == 0 ? null : (uint)workgroupSize));

        Run(commands => kernel.Record(commands, UploadRows(x, width), Upload<float>(weight), y, Epsilon, count));

        double[] expected = [.. Rows(x, width).SelectMany(row => Oracle.RmsNorm(row, weight, Epsilon))];
        AssertClose(expected, ReadRows(y, count), i => (1e-5 * Math.Abs(expected[i])) + 1e-7);
    }

    [Fact]
    public void RmsNorm_ZeroRow_GivesZero()
    {
        Activation y = PoisonedRows(1, 16);
        var kernel = Own(new RmsNormKernel(Device));

        Run(commands => kernel.Record(commands, UploadRows(new float[16], 16), Upload<float>(RandomNumbers(16)), y, Epsilon, 1));

        Assert.Equal(new float[16], ReadRows(y, 1));
    }

    [Theory]
    [InlineData(1, 1, 1f)]
    [InlineData(3, 7, 1f)]
    [InlineData(2, 96, 1e4f)]
    [InlineData(17, 144, 1f)]
    [InlineData(2, 2304, 1f)]
    [InlineData(3, 7, 1f, ManySubgroups)]
    [InlineData(2, 2304, 1e4f, ManySubgroups)]
    public void AddNorm_OddShapes_MatchesOracle(int count, int width, float scale, int workgroupSize = 0)
    {
        float[] o = RandomNumbers(count * width, scale);
        float[] x = RandomNumbers(count * width, scale);
        float[] post = RandomNumbers(width, 2);
        float[] pre = RandomNumbers(width, 2);
        Activation residual = UploadRows(x, width);
        Activation h = PoisonedRows(count, width);
        var kernel = Own(new AddNormKernel(Device, workgroupSize == 0 ? null : (uint)workgroupSize));

        Run(commands => kernel.Record(commands, UploadRows(o, width), Upload<float>(post), residual, Upload<float>(pre), h, Epsilon, count));

        double[][] updated = [.. Rows(o, width).Zip(Rows(x, width), (block, row) => Oracle.RmsNorm(block, post, Epsilon).Zip(row, (a, b) => a + b).ToArray())];
        double[] expected = [.. updated.SelectMany(row => Oracle.RmsNorm(row, pre, Epsilon))];
        AssertClose(expected, ReadRows(h, count), i => (2e-5 * Math.Abs(expected[i])) + 1e-5);
        for (int row = 0; row < count; row++)
        {
            float[] actual = Read<float>(residual.Address, count * residual.Stride).Slice(row * residual.Stride, width).ToArray();
            AssertClose(updated[row], actual, i => (1e-5 * Math.Abs(updated[row][i])) + (1e-5 * scale));
        }
    }

    private static IEnumerable<double[]> Rows(float[] values, int width) => values.Chunk(width).Select(row => Array.ConvertAll(row, v => (double)v));
}
