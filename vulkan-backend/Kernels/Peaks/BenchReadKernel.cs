using System.Runtime.InteropServices;
using Gemma2.Backend.Device;

namespace Gemma2.Backend.Kernels.Peaks;

/// <summary>Reads memory and keeps nothing but sums of it: for measuring bandwidth.</summary>
internal sealed class BenchReadKernel(GpuDevice device) : IDisposable
{
    /// <summary>Every word is read by one thread of one workgroup.</summary>
    public const int Workgroups = 4096;

    private const uint Threads = 256;
    private const int BytesPerStep = 4 * 16; // a thread's four words in bench_read.comp

    private readonly ComputePipeline _pipeline = new(device, "bench_read", Threads);

    /// <summary>Bytes of the sums.</summary>
    public const int SumBytes = Workgroups * (int)Threads * sizeof(ulong);

    /// <summary>Bytes to read are a multiple of this.</summary>
    public const long Granularity = (long)Workgroups * Threads * BytesPerStep;

    /// <param name="commands">Where to record.</param>
    /// <param name="x">[<paramref name="bytes"/>], at a multiple of 16.</param>
    /// <param name="y">[<see cref="SumBytes"/>] sums of 64-bit words modulo 2^64; together they make the sum of all.</param>
    /// <param name="bytes">A multiple of <see cref="Granularity"/>.</param>
    public void Record(CommandRecorder commands, ulong x, ulong y, long bytes)
    {
        if (bytes % Granularity != 0) throw new ArgumentException($"{bytes} is not a multiple of {Granularity}.", nameof(bytes));
        commands.Dispatch(_pipeline, new Arguments { X = x, Y = y, Steps = (uint)(bytes / Granularity) }, Workgroups);
    }

    public void Dispose() => _pipeline.Dispose();

    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public ulong X;
        public ulong Y;
        public uint Steps;
    }
}
