using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gemma2.Backend.Decoding;

namespace Gemma2.Backend.Kernels.Sampling;

/// <summary>What <see cref="CandidatesKernel"/> writes for a row of logits (struct CandidateRow in shaders/include/candidates.glsl).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CandidateRow
{
    private const int IdMask = CandidatesKernel.MaxVocabulary - 1;

    private KeyArray _keys;
    private readonly float _sum;
    private readonly uint _count;
    private readonly uint _notFinite;
    private readonly uint _unused;

    /// <summary>Whether the row has logits that are NaN or infinite; then nothing else here means anything.</summary>
    public readonly bool HasNotFinite => _notFinite != 0;

    /// <summary>Sum over the row of exp((logit - highest) / temperature).</summary>
    public readonly float Sum => _sum;

    /// <summary>Puts the row's highest logits in order of rank.</summary>
    /// <param name="ranked">[<see cref="CandidatesKernel.Count"/>] room for them.</param>
    /// <returns>Those that there are.</returns>
    public ReadOnlySpan<Candidate> Rank(Span<Candidate> ranked)
    {
        Span<ulong> keys = ((Span<ulong>)_keys)[..(int)_count];
        // Keys rank as the candidates do, the highest first.
        keys.Sort();
        for (int i = 0; i < keys.Length; i++) ranked[keys.Length - 1 - i] = Decode(keys[i]);
        return ranked[..keys.Length];
    }

    /// <summary>A key is the logit as a number that sorts alike, then the id counted down from the highest.</summary>
    private static Candidate Decode(ulong key)
    {
        uint sorted = (uint)(key >> 32);
        uint bits = (sorted & 0x80000000) != 0 ? sorted & 0x7fffffff : ~sorted;
        return new Candidate(IdMask - (int)(key & IdMask), BitConverter.UInt32BitsToSingle(bits));
    }

    [InlineArray(CandidatesKernel.Count)]
    private struct KeyArray
    {
        private ulong _first;
    }
}
