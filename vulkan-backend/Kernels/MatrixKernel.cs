using System.Runtime.InteropServices;
using Gemma2.Backend.Device;
using Gemma2.Backend.Weights;

namespace Gemma2.Backend.Kernels;

/// <summary>Y = X W^T for one weight type: a matrix-vector kernel for one token, a matrix-matrix kernel for more.</summary>
internal sealed class MatrixKernel(GpuDevice device, TensorType type) : IDisposable
{
    private const uint SubgroupsPerWorkgroup = 4;
    private const uint RowsPerSubgroup = 4; // ROWS in mat_vec.comp
    private const uint TokensPerTile = 16; // TOKENS in mat_mul.comp
    private const uint RowsPerThread = 2; // COLUMNS in mat_mul.comp

    private readonly ComputePipeline _vector = new(device, "mat_vec", SubgroupsPerWorkgroup * device.SubgroupSize, (uint)type);
    private readonly ComputePipeline _matrix = new(device, "mat_mul", device.SubgroupSize, (uint)type);

    /// <param name="commands">Where to record.</param>
    /// <param name="w">[rows, columns].</param>
    /// <param name="x">[count, columns].</param>
    /// <param name="y">[count, rows].</param>
    /// <param name="count">Number of tokens.</param>
    public void Record(CommandRecorder commands, in DeviceMatrix w, in Activation x, in Activation y, int count)
    {
        if (w.Type != type || x.Width != w.Columns || y.Width != w.Rows)
            throw new ArgumentException($"[{w.Rows}, {w.Columns}] {w.Type} does not take {x.Width} to {y.Width} as {type}.", nameof(w));
        var arguments = new Arguments
        {
            W = w.Address,
            X = x.Address,
            Y = y.Address,
            Rows = (uint)w.Rows,
            Stride = (uint)w.Stride,
            Tokens = (uint)count,
            YStride = (uint)y.Stride,
        };
        if (count == 1)
            commands.Dispatch(_vector, arguments, Grid.Cover(w.Rows, SubgroupsPerWorkgroup * RowsPerSubgroup));
        else
            commands.Dispatch(_matrix, arguments, Grid.Cover(w.Rows, RowsPerThread * device.SubgroupSize), Grid.Cover(count, TokensPerTile));
    }

    public void Dispose()
    {
        _vector.Dispose();
        _matrix.Dispose();
    }

    /// <summary>mat_vec reads all but the last two.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public ulong W;
        public ulong X;
        public ulong Y;
        public uint Rows;
        public uint Stride;
        public uint Tokens;
        public uint YStride;
    }
}
