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
    private readonly float _ownHighest;
    private readonly float _ownSum;
    private readonly float _wantedLogit;
    private readonly uint _count;
    private readonly uint _notFinite;

    /// <summary>Whether the row has logits that are NaN or infinite; then nothing else here means anything.</summary>
    public readonly bool HasNotFinite => _notFinite != 0;

    /// <summary>Sum over all tokens that are allowed of exp((logit - highest) / temperature).</summary>
    public readonly float Sum => _sum;

    /// <summary>Puts the row's highest logits in order of rank, and tells what else is known of it.</summary>
    /// <param name="wanted">The row as it was asked for.</param>
    /// <param name="vocabularySize">Logits of the row.</param>
    /// <param name="ranked">[<see cref="CandidatesKernel.Count"/>] room for the candidates.</param>
    public Candidates Read(in ResultRow wanted, int vocabularySize, Span<Candidate> ranked)
    {
        ReadOnlySpan<Candidate> highest = Rank(ranked);
        // Where a forbidden token is among the highest, all that are allowed are.
        if (highest[^1].Logit == TokenMask.Forbidden)
        {
            while (!highest.IsEmpty && highest[^1].Logit == TokenMask.Forbidden) highest = highest[..^1];
            vocabularySize = highest.Length;
        }

        return new Candidates
        {
            Highest = highest,
            LowestSum = _sum * (1 - Candidates.SumError),
            HighestSum = _sum * (1 + Candidates.SumError),
            TokenCount = vocabularySize,
            HasNotFinite = HasNotFinite,
            LogSum = _ownHighest + Math.Log(_ownSum),
            Wanted = new Candidate((int)wanted.Token, _wantedLogit),
        };
    }

    private ReadOnlySpan<Candidate> Rank(Span<Candidate> ranked)
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
