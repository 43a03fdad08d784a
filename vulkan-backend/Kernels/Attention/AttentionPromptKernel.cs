using System.Numerics;
using System.Runtime.InteropServices;
using Gemma2.Backend.Device;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Kernels.Attention;

/// <summary>
/// Attention of a segment of a prompt. A workgroup takes a tile of rows, pairs of a query and a query head of one group, which share the reads of keys and values.
/// Two shaders: <see cref="KernelFamily.Cpu"/> for drivers that compute on the CPU, <see cref="KernelFamily.Tiled"/> with shared memory for GPUs.
/// </summary>
internal sealed class AttentionPromptKernel : IDisposable
{
    private const int CpuRows = 16; // ROWS in attention_prompt_cpu.comp
    private const int CpuKeys = 256; // KEYS in attention_prompt_cpu.comp
    private const uint TiledThreads = 128;
    private const int TiledElements = 4096; // of queries in shared memory

    private readonly AttentionShape _shape;
    private readonly int _rows;
    private readonly int _headsTogether;
    private readonly ComputePipeline _pipeline;

    /// <param name="device">The device that runs it.</param>
    /// <param name="shape">Attention's numbers.</param>
    /// <param name="cacheType">Type of the KV cache.</param>
    /// <param name="family">Which shader.</param>
    public AttentionPromptKernel(GpuDevice device, AttentionShape shape, TensorType cacheType, KernelFamily family)
    {
        bool isTiled = family == KernelFamily.Tiled;
        _shape = shape;
        _rows = isTiled ? (int)Math.Clamp(TiledElements / BitOperations.RoundUpToPowerOf2((uint)shape.HeadDimension), 8, 32) : CpuRows;
        _headsTogether = Math.Min(shape.Group, _rows);
        ReadOnlySpan<uint> constants = [(uint)cacheType, (uint)shape.HeadDimension, (uint)_headsTogether, (uint)_rows];
        _pipeline = isTiled
            ? new ComputePipeline(device, "attention_prompt_tiled", TiledThreads, constants)
            : new ComputePipeline(device, "attention_prompt_cpu", device.SubgroupSize, constants[..^1]);
    }

    private int QueriesATile => _rows / _headsTogether;

    private uint Chunks => Grid.Cover(_shape.Group, (uint)_headsTogether);

    /// <summary>Bytes of scratch for a number of queries.</summary>
    public static long ScratchBytes(AttentionShape shape, int queries)
    {
        int heads = Math.Min(shape.Group, CpuRows);
        long workgroups = (long)Grid.Cover(queries, (uint)(CpuRows / heads)) * shape.KeyValueHeads * Grid.Cover(shape.Group, (uint)heads);
        return workgroups * CpuRows * CpuKeys * sizeof(float);
    }

    /// <param name="commands">Where to record.</param>
    /// <param name="stepRows">[count] <see cref="StepRow"/>: consecutive positions of one sequence.</param>
    /// <param name="qkv">[count, (heads + 2 * kvHeads) * headDim]: rotated queries first.</param>
    /// <param name="cache">Keys and values of all positions that the queries see, their own included.</param>
    /// <param name="y">[count, heads * headDim].</param>
    /// <param name="scratch"><see cref="ScratchBytes"/> of device memory.</param>
    /// <param name="window">A query sees this many positions, itself included; null for all.</param>
    /// <param name="count">Number of queries.</param>
    public void Record(CommandRecorder commands, ulong stepRows, in Activation qkv, in LayerCache cache, in Activation y, ulong scratch, int? window, int count)
    {
        var arguments = new Arguments
        {
            StepRows = stepRows,
            Qkv = qkv.Address,
            Table = cache.Table,
            Scratch = scratch,
            Y = y.Address,
            TableStride = (uint)cache.TableStride,
            LayerOffset = cache.LayerOffset,
            QkvStride = (uint)qkv.Stride,
            YStride = (uint)y.Stride,
            Queries = (uint)count,
            KeyValueHeads = (uint)_shape.KeyValueHeads,
            Group = (uint)_shape.Group,
            Window = (uint)(window ?? int.MaxValue),
            Scale = (float)_shape.Scale,
            Softcap = (float)_shape.Softcap,
        };
        commands.Dispatch(_pipeline, arguments, Grid.Cover(count, (uint)QueriesATile), (uint)_shape.KeyValueHeads * Chunks);
    }

    public void Dispose() => _pipeline.Dispose();

    /// <summary>attention_prompt_tiled does not use the scratch.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public ulong StepRows;
        public ulong Qkv;
        public ulong Table;
        public ulong Scratch;
        public ulong Y;
        public uint TableStride;
        public uint LayerOffset;
        public uint QkvStride;
        public uint YStride;
        public uint Queries;
        public uint KeyValueHeads;
        public uint Group;
        public uint Window;
        public float Scale;
        public float Softcap;
    }
}
