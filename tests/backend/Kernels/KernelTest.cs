using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Packing;
using Gemma2.Testing;

namespace Gemma2.Backend.Tests.Kernels;

/// <summary>
/// What kernel tests share: memory that is poisoned before use, runs, and comparisons with a double-precision oracle.
/// Each test ends with the validation layer having nothing to say. A test is skipped without a device once it asks for it.
/// </summary>
public abstract class KernelTest(DeviceFixture fixture) : IDisposable
{
    private const int GuardRows = 1;
    private readonly List<IDisposable> _owned = [];
    private readonly Dictionary<ulong, GpuBuffer> _buffers = [];
    private readonly int _earlierReports = Machine.LacksDevice is null ? fixture.Device.ValidationReports.Count : 0;

    internal GpuDevice Device => fixture.Device;

    protected Random Random { get; } = new(12345);

    public void Dispose()
    {
        foreach (IDisposable owned in _owned) owned.Dispose();
        if (Machine.LacksDevice is null) Assert.Empty(Device.ValidationReports.Skip(_earlierReports));
        GC.SuppressFinalize(this);
    }

    /// <summary>Numbers between -scale and scale.</summary>
    internal float[] RandomNumbers(int count, float scale = 1)
    {
        var numbers = new float[count];
        for (int i = 0; i < count; i++) numbers[i] = ((2 * Random.NextSingle()) - 1) * scale;
        return numbers;
    }

    internal void Shuffle<T>(Span<T> values) => Random.Shuffle(values);

    protected T Own<T>(T resource)
        where T : IDisposable
    {
        _owned.Add(resource);
        return resource;
    }

    internal ulong Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        GpuBuffer buffer = Own(Device.Allocate(values.Length * (long)System.Runtime.CompilerServices.Unsafe.SizeOf<T>(), MemoryKind.Readback, "a test"));
        values.CopyTo(buffer.Span<T>(0, values.Length));
        _buffers.Add(buffer.Address, buffer);
        return buffer.Address;
    }

    /// <summary>[count, width] with zeros in the padding.</summary>
    internal Activation UploadRows(float[] values, int width)
    {
        int stride = RowLayout.Stride(width);
        int count = values.Length / width;
        var padded = new float[count * stride];
        for (int row = 0; row < count; row++) values.AsSpan(row * width, width).CopyTo(padded.AsSpan(row * stride));
        return new Activation(Upload<float>(padded), width);
    }

    /// <summary>[count, width] of NaN, padding and one row beyond included.</summary>
    internal Activation PoisonedRows(int count, int width)
    {
        var poison = new float[(count + GuardRows) * RowLayout.Stride(width)];
        Array.Fill(poison, float.NaN);
        return new Activation(Upload<float>(poison), width);
    }

    /// <summary>The kernels of one family; skips the test where the device or the build lacks it.</summary>
    internal MatrixKernels ForcedKernels(KernelFamily family)
    {
        try
        {
            return fixture.Kernels(family);
        }
        catch (DeviceException error)
        {
            Assert.Skip(error.Message);
            throw;
        }
    }

    /// <summary>A weight matrix in device order, in parts of some rows.</summary>
    internal DeviceMatrix Upload(TestMatrix matrix, int tileRows, int partRows = int.MaxValue)
    {
        var layout = new WeightLayout(matrix.Type, matrix.Columns, tileRows);
        var parts = new List<MatrixPart>();
        for (int first = 0; first < matrix.Rows; first += partRows)
        {
            int rows = Math.Min(partRows, matrix.Rows - first);
            parts.Add(new MatrixPart(Upload<byte>(matrix.Pack(layout, first, rows)), first, rows));
        }
        return new DeviceMatrix(layout, parts);
    }

    /// <summary>Rounds numbers to what a type can hold.</summary>
    internal static void Round(Span<float> values, TensorType type)
    {
        foreach (ref float value in values)
        {
            value = type switch
            {
                TensorType.F16 => (float)(Half)value,
                TensorType.BF16 => BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(value) & 0xffff0000),
                _ => value,
            };
        }
    }

    internal static void Store(float value, TensorType type, Span<byte> destination)
    {
        if (type == TensorType.F32) BitConverter.TryWriteBytes(destination, value);
        else if (type == TensorType.F16) BitConverter.TryWriteBytes(destination, (Half)value);
        else BitConverter.TryWriteBytes(destination, (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16));
    }

    internal void Run(Action<CommandRecorder> record)
    {
        using CommandRecorder commands = Device.CreateRecorder();
        commands.Begin();
        record(commands);
        commands.SubmitAndWait();
    }

    internal Span<T> Read<T>(ulong address, int count)
        where T : unmanaged => _buffers[address].Span<T>(0, count);

    /// <summary>Reads rows back; what lies around them must still be poison.</summary>
    internal float[] ReadRows(Activation rows, int count)
    {
        Span<float> padded = Read<float>(rows.Address, (count + GuardRows) * rows.Stride);
        var values = new float[count * rows.Width];
        for (int row = 0; row < count + GuardRows; row++)
        {
            Span<float> line = padded.Slice(row * rows.Stride, rows.Stride);
            int width = row < count ? rows.Width : 0;
            foreach (float padding in line[width..]) Assert.True(float.IsNaN(padding), $"row {row}: written outside the row");
            if (row < count) line[..width].CopyTo(values.AsSpan(row * width));
        }
        return values;
    }

    /// <summary>Every number lies within its bound of the oracle's.</summary>
    protected static void AssertClose(double[] expected, float[] actual, Func<int, double> bound)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            // Written so that NaN fails.
            Assert.True(Math.Abs(expected[i] - actual[i]) <= bound(i), $"element {i}: expected {expected[i]}, got {actual[i]}, allowed {bound(i)}");
        }
    }
}
