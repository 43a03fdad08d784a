using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Kernels.Rows;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Kernels.Check;

/// <summary>Rows of a small embedding.</summary>
internal sealed class EmbedTrial(GpuDevice device, EmbedKernel kernel, WeightLayout layout) : KernelTrial(device, "embed", $"{layout.Type}, {Vocabulary} x {layout.Columns}")
{
    private const int Vocabulary = 27;
    private static readonly uint[] _tokens = [26, 0, 13, 13];

    protected override void Run(Comparison comparison)
    {
        int width = layout.Columns;
        float[] values = Uniform(1, Vocabulary * width);
        var stored = new byte[Vocabulary * layout.FileRowBytes];
        BlockCodec.Quantize(layout.Type, values, stored);
        BlockCodec.Dequantize(layout.Type, stored, values);
        var packed = new byte[layout.Bytes(Vocabulary)];
        WeightPacker.Pack(layout, stored, packed);

        var embedding = new DeviceMatrix(layout, [new MatrixPart(Upload<byte>(packed).Address, 0, Vocabulary)]);
        StepRow[] steps = [.. _tokens.Select((token, row) => new StepRow(token, (uint)row, 0))];
        HostRows x = ResultRows(steps.Length, width);
        GpuBuffer stepRows = Upload<StepRow>(steps);
        Compute(commands => kernel.Record(commands, stepRows.Address, embedding, x.Activation, steps.Length));
        double scale = Math.Sqrt(width), allowed = 1e-6 * scale;
        for (int row = 0; row < steps.Length; row++)
        {
            ReadOnlySpan<float> expected = values.AsSpan((int)_tokens[row] * width, width);
            for (int i = 0; i < width; i++) comparison.Add(x[row][i], expected[i] * scale, allowed, row, i);
            comparison.AddPadding(x[row][width..], row);
        }
    }
}
