using System.Runtime.CompilerServices;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Device;

namespace Gemma2.Backend.Kernels.Check;

/// <summary>A kernel that computes something small, seeded, of which the result is known in double precision.</summary>
/// <param name="device">The device that computes.</param>
/// <param name="kernel">The kernel's name.</param>
/// <param name="shape">What it computes.</param>
internal abstract class KernelTrial(GpuDevice device, string kernel, string shape)
{
    private readonly List<GpuBuffer> _buffers = [];

    /// <summary>The kernel's name.</summary>
    public string Kernel => kernel;

    /// <summary>What it computes.</summary>
    public string Shape => shape;

    /// <summary>Lets the kernel compute, and compares.</summary>
    public KernelVerdict Run()
    {
        var comparison = new Comparison();
        try
        {
            Run(comparison);
            return KernelVerdict.Of(kernel, shape, comparison);
        }
        catch (DeviceException error)
        {
            return KernelVerdict.Failed(kernel, shape, error);
        }
        finally
        {
            foreach (GpuBuffer buffer in _buffers) buffer.Dispose();
            _buffers.Clear();
        }
    }

    /// <summary>Seeded numbers between -1 and 1.</summary>
    internal static float[] Uniform(ulong seed, int count)
    {
        var numbers = new float[count];
        for (int i = 0; i < count; i++) numbers[i] = (float)((2 * SplitMix64.UniformAt(seed, (ulong)i)) - 1);
        return numbers;
    }

    /// <summary>Computes and compares. Memory that was taken is freed afterwards.</summary>
    protected abstract void Run(Comparison comparison);

    /// <summary>Memory that the host and the device see.</summary>
    protected GpuBuffer Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        GpuBuffer buffer = device.Allocate(values.Length * (long)Unsafe.SizeOf<T>(), MemoryKind.Readback, "a trial of kernels");
        _buffers.Add(buffer);
        values.CopyTo(buffer.Span<T>(0, values.Length));
        return buffer;
    }

    /// <summary>Rows of numbers, zeros behind them.</summary>
    protected HostRows UploadRows(ReadOnlySpan<float> numbers, int width)
    {
        int stride = RowLayout.Stride(width), count = numbers.Length / width;
        var padded = new float[count * stride];
        for (int row = 0; row < count; row++) numbers.Slice(row * width, width).CopyTo(padded.AsSpan(row * stride));
        return new HostRows(Upload<float>(padded), width);
    }

    /// <summary>Rows for results: NaN.</summary>
    protected HostRows ResultRows(int count, int width)
    {
        var numbers = new float[count * RowLayout.Stride(width)];
        Array.Fill(numbers, float.NaN);
        return new HostRows(Upload<float>(numbers), width);
    }

    /// <summary>Runs what is recorded and waits for it.</summary>
    protected void Compute(Action<CommandRecorder> record)
    {
        using CommandRecorder commands = device.CreateRecorder();
        commands.Begin();
        record(commands);
        commands.SubmitAndWait();
    }

    /// <summary>Rows that the host sees.</summary>
    protected readonly record struct HostRows(GpuBuffer Buffer, int Width)
    {
        /// <summary>As kernels take them.</summary>
        public Activation Activation => new(Buffer.Address, Width);

        /// <summary>A row with what lies behind it.</summary>
        public Span<float> this[int row]
        {
            get
            {
                int stride = RowLayout.Stride(Width);
                return Buffer.Span<float>((long)row * stride * sizeof(float), stride);
            }
        }
    }
}
