using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Rows;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Tests.Kernels;

public sealed class EmbedKernelTests(DeviceFixture fixture) : KernelTest(fixture)
{
    public static TheoryData<TensorType, int, int> Shapes()
    {
        var shapes = new TheoryData<TensorType, int, int>();
        foreach (TensorType type in Enum.GetValues<TensorType>())
        {
            int[] widths = type.BlockElements() switch { 1 => [1, 7, 64, 100], 32 => [32, 96], _ => [256, 2304] };
            foreach (int width in widths)
            {
                shapes.Add(type, width, 1);
                shapes.Add(type, width, 8);
            }
        }
        return shapes;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Embed_AnyTypeInParts_ScalesRowsBySquareRootOfWidth(TensorType type, int width, int tileRows)
    {
        const int vocabulary = 27;
        StepRow[] rows = [new(26, 0, 0), new(0, 1, 3), new(8, 2, 0), new(15, 3, 0), new(16, 0, 1), new(16, 9, 0)];
        TestMatrix table = TestMatrix.Random(Random, type, vocabulary, width);
        Activation x = PoisonedRows(rows.Length, width);
        var kernel = Own(new EmbedKernel(Device, new WeightLayout(type, width, tileRows)));

        Run(commands => kernel.Record(commands, Upload<StepRow>(rows), Upload(table, tileRows, partRows: 8), x, rows.Length));

        double[] expected = [.. rows.SelectMany(row => table.Values.Skip((int)row.Token * width).Take(width)).Select(v => (double)(v * MathF.Sqrt(width)))];
        double largest = table.Values.Max(Math.Abs) * Math.Sqrt(width);
        AssertClose(expected, ReadRows(x, rows.Length), _ => type.IsQuantized() ? 1e-6 * largest : 0);
    }
}
