using System.Runtime.InteropServices;
using Gemma2.Backend.Device;

namespace Gemma2.Backend.Kernels;

/// <summary>x[t] = embedding[token of row t] * sqrt(hidden).</summary>
internal sealed class EmbedKernel(GpuDevice device, Weights.TensorType type) : IDisposable
{
    private readonly ComputePipeline _pipeline = new(device, "embed", device.SubgroupSize, (uint)type);

    /// <param name="commands">Where to record.</param>
    /// <param name="passRows">[count] <see cref="PassRow"/>: their tokens are below the embedding's rows (the caller checks).</param>
    /// <param name="embedding">[vocabulary, hidden].</param>
    /// <param name="x">[count, hidden].</param>
    /// <param name="count">Number of tokens.</param>
    public void Record(CommandRecorder commands, ulong passRows, in DeviceMatrix embedding, in Activation x, int count)
    {
        var arguments = new Arguments
        {
            PassRows = passRows,
            Embedding = embedding.Address,
            X = x.Address,
            Stride = (uint)embedding.Stride,
            Scale = MathF.Sqrt(embedding.Columns),
        };
        commands.Dispatch(_pipeline, arguments, (uint)count);
    }

    public void Dispose() => _pipeline.Dispose();

    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public ulong PassRows;
        public ulong Embedding;
        public ulong X;
        public uint Stride;
        public float Scale;
    }
}
