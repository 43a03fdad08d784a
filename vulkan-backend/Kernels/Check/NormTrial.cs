using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Rows;

namespace Gemma2.Backend.Kernels.Check;

/// <summary>A norm of a few rows, one of them zero.</summary>
internal sealed class NormTrial(GpuDevice device, RmsNormKernel kernel, int width) : KernelTrial(device, "norm", $"{Count} x {width}")
{
    private const int Count = 3;
    private const double Epsilon = 1e-6;

    protected override void Run(Comparison comparison)
    {
        float[] numbers = Uniform(1, Count * width), weight = Uniform(2, width);
        numbers.AsSpan(width, width).Clear();
        HostRows x = UploadRows(numbers, width), y = ResultRows(Count, width);
        GpuBuffer w = Upload<float>(weight);
        Compute(commands => kernel.Record(commands, x.Activation, w.Address, y.Activation, Epsilon, Count));
        for (int row = 0; row < Count; row++)
        {
            double[] expected = Norm(Array.ConvertAll(numbers[(row * width)..((row + 1) * width)], number => (double)number), weight);
            for (int i = 0; i < width; i++) comparison.Add(y[row][i], expected[i], (1e-5 * Math.Abs(expected[i])) + 1e-7, row, i);
            comparison.AddPadding(y[row][width..], row);
        }
    }

    /// <summary>x / rms(x) * weight.</summary>
    internal static double[] Norm(ReadOnlySpan<double> x, ReadOnlySpan<float> weight)
    {
        double squares = 0;
        foreach (double number in x) squares += number * number;
        double scale = 1 / Math.Sqrt((squares / x.Length) + Epsilon);
        var y = new double[x.Length];
        for (int i = 0; i < y.Length; i++) y[i] = x[i] * scale * weight[i];
        return y;
    }
}

/// <summary>The seam between two blocks, over a few rows.</summary>
internal sealed class AddNormTrial(GpuDevice device, AddNormKernel kernel, int width) : KernelTrial(device, "add and norm", $"{Count} x {width}")
{
    private const int Count = 3;
    private const double Epsilon = 1e-6;

    protected override void Run(Comparison comparison)
    {
        float[] output = Uniform(1, Count * width), stream = Uniform(2, Count * width), post = Uniform(3, width), pre = Uniform(4, width);
        HostRows o = UploadRows(output, width), x = UploadRows(stream, width), h = ResultRows(Count, width);
        GpuBuffer postWeight = Upload<float>(post), preWeight = Upload<float>(pre);
        Compute(commands => kernel.Record(commands, o.Activation, postWeight.Address, x.Activation, preWeight.Address, h.Activation, Epsilon, Count));
        for (int row = 0; row < Count; row++)
        {
            double[] sum = NormTrial.Norm(Array.ConvertAll(output[(row * width)..((row + 1) * width)], number => (double)number), post);
            for (int i = 0; i < width; i++)
            {
                sum[i] += stream[(row * width) + i];
                comparison.Add(x[row][i], sum[i], (1e-5 * Math.Abs(sum[i])) + 1e-5, row, i);
            }
            double[] expected = NormTrial.Norm(sum, pre);
            for (int i = 0; i < width; i++) comparison.Add(h[row][i], expected[i], (2e-5 * Math.Abs(expected[i])) + 1e-5, row, i);
            comparison.AddPadding(h[row][width..], row);
        }
    }
}
