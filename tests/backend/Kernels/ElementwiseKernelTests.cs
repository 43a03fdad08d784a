using Gemma2.Backend.Kernels;
using Gemma2.Backend.Weights;

namespace Gemma2.Backend.Tests.Kernels;

public sealed class ElementwiseKernelTests(DeviceFixture fixture) : KernelTest(fixture)
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 7)]
    [InlineData(2, 63)]
    [InlineData(5, 64)]
    [InlineData(2, 65)]
    public void Geglu_OddShapes_MatchesOracle(int count, int width)
    {
        float[] gateUp = RandomNumbers(count * 2 * width, 6);
        Activation u = PoisonedRows(count, width);
        var kernel = Own(new GegluKernel(Device));

        Run(commands => kernel.Record(commands, UploadRows(gateUp, 2 * width), u, count));

        double[] expected = [.. gateUp.Chunk(2 * width).SelectMany(row => Enumerable.Range(0, width).Select(i => Oracle.GeluTanh(row[i]) * row[width + i]))];
        AssertClose(expected, ReadRows(u, count), i => (1e-5 * Math.Abs(expected[i])) + 1e-5);
    }

    [Theory]
    [InlineData(-1e4f, 0)]
    [InlineData(1e4f, 1e4)]
    [InlineData(-1e30f, 0)]
    [InlineData(0f, 0)]
    public void Geglu_ExtremeGate_DoesNotOverflow(float gate, double expected)
    {
        Activation u = PoisonedRows(1, 1);
        var kernel = Own(new GegluKernel(Device));

        Run(commands => kernel.Record(commands, UploadRows([gate, 1], 2), u, 1));

        AssertClose([expected], ReadRows(u, 1), _ => 1e-3);
    }

    [Theory]
    [InlineData(1, TensorType.F32)]
    [InlineData(7, TensorType.F16)]
    [InlineData(64, TensorType.BF16)]
    [InlineData(100, TensorType.F32)]
    [InlineData(2304, TensorType.BF16)]
    public void Embed_AnyWidth_ScalesRowsBySquareRootOfWidth(int width, TensorType type)
    {
        const int vocabulary = 11;
        PassRow[] rows = [new(10, 0, 0), new(0, 1, 0), new(3, 2, 0), new(3, 9, 1)];
        float[] table = RandomNumbers(vocabulary * width);
        DeviceMatrix embedding = UploadMatrix(table, vocabulary, width, type);
        Activation x = PoisonedRows(rows.Length, width);
        var kernel = Own(new EmbedKernel(Device, type));

        Run(commands => kernel.Record(commands, Upload<PassRow>(rows), embedding, x, rows.Length));

        double[] expected = [.. rows.SelectMany(row => table.Skip((int)row.Token * width).Take(width)).Select(v => (double)(v * MathF.Sqrt(width)))];
        Span<float> padded = Read<float>(x.Address, rows.Length * x.Stride);
        for (int t = 0; t < rows.Length; t++)
        {
            AssertClose(expected[(t * width)..((t + 1) * width)], padded.Slice(t * x.Stride, width).ToArray(), _ => 0);
            foreach (float padding in padded.Slice((t * x.Stride) + width, x.Stride - width)) Assert.Equal(0, padding);
        }
    }
}
