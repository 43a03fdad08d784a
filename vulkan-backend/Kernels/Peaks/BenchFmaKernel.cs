using System.Runtime.InteropServices;
using Gemma2.Backend.Device;

namespace Gemma2.Backend.Kernels.Peaks;

/// <summary>Computes sum = sum * factor + addend over and over: for measuring arithmetic.</summary>
internal sealed class BenchFmaKernel(GpuDevice device) : IDisposable
{
    private const uint ThreadsPerWorkgroup = 256;

    /// <summary>Multiply-adds that a thread does in a step: SUMS * ROUNDS in bench_fma.comp.</summary>
    public const int MultiplyAddsPerStep = 16 * 4;

    private readonly ComputePipeline _pipeline = new(device, "bench_fma", ThreadsPerWorkgroup);

    /// <summary>Enough threads to fill the largest devices several times over; fewer where the driver is a CPU.</summary>
    public int Threads { get; } = (int)ThreadsPerWorkgroup * (device.Description.Kind == DeviceKind.Software ? 64 : 8192);

    /// <param name="commands">Where to record.</param>
    /// <param name="y">[<see cref="Threads"/>] float32 sums.</param>
    /// <param name="steps">Steps of each thread.</param>
    /// <param name="factor">Below 1, so that sums stay finite.</param>
    /// <param name="addend">Finite.</param>
    public void Record(CommandRecorder commands, ulong y, uint steps, float factor, float addend) =>
        commands.Dispatch(_pipeline, new Arguments { Y = y, Steps = steps, Factor = factor, Addend = addend }, (uint)Threads / ThreadsPerWorkgroup);

    public void Dispose() => _pipeline.Dispose();

    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public ulong Y;
        public uint Steps;
        public float Factor;
        public float Addend;
    }
}
