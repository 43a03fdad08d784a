using System.Runtime.InteropServices;
using Gemma2.Backend.Device;

namespace Gemma2.Backend.Kernels.Sampling;

/// <summary>
/// Caps rows of logits where they lie, masks them, and finds for each row its highest ones and the sum over all of exp((logit - highest) / temperature), and
/// what log-probabilities need: the sum at temperature 1 before the mask. One dispatch over the vocabulary in blocks, a small second one over the blocks.
/// </summary>
internal sealed class CandidatesKernel : IDisposable
{
    /// <summary>How many of the highest logits are found.</summary>
    public const int Count = 256;

    /// <summary>Largest vocabulary: ids have 20 bits in a key.</summary>
    public const int MaxVocabulary = 1 << IdBits;

    private const int IdBits = 20; // ID_BITS in candidates.glsl
    private const int BlockSize = 32; // BLOCK in candidates.glsl
    private const int SummaryBytes = 16; // BlockSummary in candidates.glsl

    private readonly ComputePipeline _blocks;
    private readonly ComputePipeline _select;
    private readonly int _vocabularySize;

    /// <param name="device">The device that runs it.</param>
    /// <param name="vocabularySize">Logits a row, at most <see cref="MaxVocabulary"/>.</param>
    /// <param name="workgroupSize">Threads that share a row; null for what suits the device.</param>
    public CandidatesKernel(GpuDevice device, int vocabularySize, uint? workgroupSize = null)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(vocabularySize, MaxVocabulary);
        _vocabularySize = vocabularySize;
        _blocks = new ComputePipeline(device, "candidate_blocks", Grid.ElementwiseWidth);
        _select = Grid.RowPipeline(device, "candidate_select", workgroupSize, Count);
    }

    private int Blocks => (_vocabularySize + BlockSize - 1) / BlockSize;

    /// <summary>Keys that may have to be ranked: one a block, then all elements of the highest blocks.</summary>
    private int Keys => Math.Max(Blocks, Count * BlockSize);

    /// <summary>Bytes of scratch memory for a number of rows: maxima and sums of every block, and keys.</summary>
    public long ScratchBytes(int rows) => rows * (((long)Blocks * SummaryBytes) + ((long)Keys * sizeof(ulong)));

    /// <param name="commands">Where to record.</param>
    /// <param name="logits">[count, vocabulary]: capped and masked here.</param>
    /// <param name="cap">Logits come to lie between -cap and cap; 0 means no cap.</param>
    /// <param name="wanted">[count] of <see cref="ResultRow"/>.</param>
    /// <param name="scratch"><see cref="ScratchBytes"/> of memory, at a multiple of 8.</param>
    /// <param name="candidates">[count] of <see cref="CandidateRow"/>.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="tokens">Address of the ids that are tokens, [ceil(vocabulary / 32)] uint32 with their bits set; 0 where all are.</param>
    public void Record(
        CommandRecorder commands, in Activation logits, double cap, ulong wanted, ulong scratch, ulong candidates, int count, ulong tokens = 0)
    {
        var arguments = new Arguments
        {
            Logits = logits.Address,
            Wanted = wanted,
            Blocks = scratch,
            Keys = scratch + ((ulong)count * (ulong)Blocks * SummaryBytes),
            Candidates = candidates,
            Tokens = tokens,
            Width = (uint)_vocabularySize,
            Stride = (uint)logits.Stride,
            KeyStride = (uint)Keys,
            Cap = (float)cap,
        };
        commands.Dispatch(_blocks, arguments, Grid.Cover(Blocks, Grid.ElementwiseWidth), (uint)count);
        commands.Barrier();
        commands.Dispatch(_select, arguments, (uint)count);
    }

    public void Dispose()
    {
        _blocks.Dispose();
        _select.Dispose();
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public ulong Logits;
        public ulong Wanted;
        public ulong Blocks;
        public ulong Keys;
        public ulong Candidates;
        public ulong Tokens;
        public uint Width;
        public uint Stride;
        public uint KeyStride;
        public float Cap;
    }
}
