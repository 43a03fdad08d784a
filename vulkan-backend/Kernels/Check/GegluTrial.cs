using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Rows;

namespace Gemma2.Backend.Kernels.Check;

/// <summary>gelu(g) * u of a few rows.</summary>
internal sealed class GegluTrial(GpuDevice device, GegluKernel kernel, int width) : KernelTrial(device, "geglu", $"{Count} x {width}")
{
    private const int Count = 3;

    // Where the activation bends, and where it is straight.
    private const float Widest = 6;

    protected override void Run(Comparison comparison)
    {
        float[] gates = [.. Uniform(1, Count * width).Select(number => number * Widest)], numbers = Uniform(2, Count * width);
        HostRows g = UploadRows(gates, width), u = UploadRows(numbers, width);
        Compute(commands => kernel.Record(commands, g.Activation, u.Activation, Count));
        for (int row = 0; row < Count; row++)
        {
            for (int i = 0; i < width; i++)
            {
                double expected = Gelu(gates[(row * width) + i]) * numbers[(row * width) + i];
                comparison.Add(u[row][i], expected, (1e-5 * Math.Abs(expected)) + 1e-6, row, i);
            }
            comparison.AddPadding(u[row][width..], row);
        }
    }

    private static double Gelu(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))));
}
