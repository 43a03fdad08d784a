using System.Diagnostics;
using Gemma2.Backend.Device;

namespace Gemma2.Backend.Kernels.Peaks;

/// <summary>What a device reached when it did one thing alone; each list holds several repeats.</summary>
/// <param name="ReadRates">Bytes a second that a kernel read.</param>
/// <param name="CopyRates">Bytes a second that the driver's own copy read and wrote, both counted.</param>
/// <param name="ArithmeticRates">Float32 operations a second of a kernel that only multiplies and adds, both counted.</param>
public sealed record DevicePeaks(IReadOnlyList<double> ReadRates, IReadOnlyList<double> CopyRates, IReadOnlyList<double> ArithmeticRates)
{
    /// <summary>The best of reading and copying, in bytes a second.</summary>
    public double Bandwidth => Math.Max(ReadRates.Max(), CopyRates.Max());

    /// <summary>The best float32 operations a second.</summary>
    public double Arithmetic => ArithmeticRates.Max();

    /// <summary>Measures a device that does nothing else.</summary>
    /// <param name="device">As in <see cref="GpuDevice.Open"/>; CPU devices are allowed.</param>
    /// <param name="repeats">At least 1, after one that is not counted.</param>
    /// <param name="cancellationToken">Stops between two repeats.</param>
    /// <exception cref="DeviceException">There is no such device, or not enough memory on it.</exception>
    public static DevicePeaks Measure(string? device, int repeats, CancellationToken cancellationToken = default)
    {
        using GpuDevice opened = GpuDevice.Open(device, allowSoftware: true);
        using var meter = new PeakMeter(opened);
        return new DevicePeaks(Repeat(meter.ReadRate), Repeat(meter.CopyRate), Repeat(meter.ArithmeticRate));

        double[] Repeat(Func<double> measure)
        {
            measure();
            var rates = new double[repeats];
            for (int i = 0; i < repeats; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                rates[i] = measure();
            }
            return rates;
        }
    }
}

/// <summary>The micro-benchmarks of <see cref="DevicePeaks"/>.</summary>
internal sealed class PeakMeter : IDisposable
{
    // Many times the largest caches (CPUs: some tens of MB, GPUs: up to 50 MB).
    private const long LongestBuffer = 1L << 30;
    private const long LongestBufferOfCpu = 1L << 29;
    private const double ShortestRun = 0.1;

    // Any numbers that keep the sums finite and are not known when the shader is compiled.
    private const float Factor = 0.9999f;
    private const float Addend = 0.0001f;

    private readonly GpuBuffer _data;
    private readonly GpuBuffer _sums;
    private readonly BenchReadKernel _read;
    private readonly BenchFmaKernel _fma;
    private readonly CommandRecorder _commands;
    private uint _steps = 16;

    public PeakMeter(GpuDevice device)
    {
        DeviceDescription description = device.Description;
        long longest = description.Kind == DeviceKind.Software ? LongestBufferOfCpu : LongestBuffer;
        long bytes = Math.Min(longest, Math.Min(description.MaxAllocationBytes, description.MemoryBytes / 8));
        _read = new BenchReadKernel(device);
        _fma = new BenchFmaKernel(device);
        _data = device.Allocate(bytes / BenchReadKernel.Granularity * BenchReadKernel.Granularity, MemoryKind.Device, "measuring bandwidth");
        _sums = device.Allocate(Math.Max(BenchReadKernel.SumBytes, _fma.Threads * sizeof(float)), MemoryKind.Device, "the sums of a measurement");
        _commands = device.CreateRecorder();
        // Pages that were never written may all be the same one.
        _commands.Begin();
        _commands.Fill(_data, 0x01020304);
        _commands.SubmitAndWait();
    }

    /// <summary>Bytes a second of a kernel that reads.</summary>
    public double ReadRate() => _data.Size / Seconds(() => _read.Record(_commands, _data.Address, _sums.Address, _data.Size));

    /// <summary>Bytes a second, read and written, of a copy of one half of the buffer to the other.</summary>
    public double CopyRate() => _data.Size / Seconds(() => _commands.Copy(_data, 0, _data, _data.Size / 2, _data.Size / 2));

    /// <summary>Operations a second of a run that is long enough to be timed.</summary>
    public double ArithmeticRate()
    {
        while (true)
        {
            double seconds = Seconds(() => _fma.Record(_commands, _sums.Address, _steps, Factor, Addend));
            if (seconds >= ShortestRun) return 2.0 * _fma.Threads * _steps * BenchFmaKernel.MultiplyAddsPerStep / seconds;
            _steps *= 2;
        }
    }

    public void Dispose()
    {
        _commands.Dispose();
        _sums.Dispose();
        _data.Dispose();
        _fma.Dispose();
        _read.Dispose();
    }

    private double Seconds(Action record)
    {
        _commands.Begin();
        record();
        long start = Stopwatch.GetTimestamp();
        _commands.SubmitAndWait();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
