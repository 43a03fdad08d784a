using System.Runtime.InteropServices;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Kernels.Rows;

/// <summary>x[t] = embedding[token of row t] * sqrt(hidden), from an embedding of any type, in any number of parts.</summary>
internal sealed class EmbedKernel(GpuDevice device, WeightLayout layout) : IDisposable
{
    private readonly ComputePipeline _pipeline = new(device, "embed", device.SubgroupSize, (uint)layout.Type, (uint)layout.TileRows);

    /// <param name="commands">Where to record.</param>
    /// <param name="stepRows">[count] <see cref="StepRow"/>: tokens below the embedding's rows (the caller checks).</param>
    /// <param name="embedding">[vocabulary, hidden].</param>
    /// <param name="x">[count, hidden].</param>
    /// <param name="count">Number of rows.</param>
    public void Record(CommandRecorder commands, ulong stepRows, DeviceMatrix embedding, in Activation x, int count)
    {
        if (embedding.Layout != layout || x.Width != layout.Columns) throw new ArgumentException("Another embedding than the kernel is for.", nameof(embedding));
        for (int i = 0; i < embedding.Parts.Count; i++)
        {
            MatrixPart part = embedding.Parts[i];
            var arguments = new Arguments
            {
                Embedding = part.Planes(layout),
                StepRows = stepRows,
                X = x.Address,
                FirstRow = (uint)part.FirstRow,
                Rows = (uint)part.Rows,
                Chunks = (uint)layout.Chunks,
                Width = (uint)x.Width,
                XStride = (uint)x.Stride,
                Scale = MathF.Sqrt(x.Width),
            };
            commands.Dispatch(_pipeline, arguments, (uint)count);
        }
    }

    public void Dispose() => _pipeline.Dispose();

    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public WeightAddresses Embedding;
        public ulong StepRows;
        public ulong X;
        public uint FirstRow;
        public uint Rows;
        public uint Chunks;
        public uint Width;
        public uint XStride;
        public float Scale;
    }
}
