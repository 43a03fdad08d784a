using System.Numerics;

namespace Gemma2.Backend.Engine;

/// <summary>
/// Looks the last three tokens up in the sequence's own text, and guesses that what followed them there follows again: good where an answer repeats its prompt or itself, as in edits, extracts
/// and tables. Source: A. Saxena, "Prompt Lookup Decoding", 2023.
/// </summary>
internal sealed class NgramDrafter : IDrafter
{
    private const int Length = 3;

    // Where three tokens of a hash were seen last: the position behind them; 0 for none. A later one takes the place.
    private readonly int[] _seen;
    private int _known = Length - 1; // tokens whose threes are in the table, but for the last one

    /// <param name="mostTokens">Longest sequence.</param>
    public NgramDrafter(int mostTokens) => _seen = new int[BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, mostTokens))];

    /// <inheritdoc/>
    public int Propose(ReadOnlySpan<int> tokens, Span<int> drafts)
    {
        // The last three themselves are looked up, and come into the table when something follows them.
        for (; _known < tokens.Length - 1; _known++) _seen[Place(tokens, _known + 1)] = _known + 1;
        if (tokens.Length <= Length) return 0;
        int next = _seen[Place(tokens, tokens.Length)];
        if (next == 0 || !tokens[(next - Length)..next].SequenceEqual(tokens[^Length..])) return 0;
        int count = 0;
        // Past the end of what is known the guess repeats itself.
        for (; count < drafts.Length; count++) drafts[count] = next + count < tokens.Length ? tokens[next + count] : drafts[next + count - tokens.Length];
        return count;
    }

    private int Place(ReadOnlySpan<int> tokens, int end)
    {
        uint hash = 0;
        foreach (int token in tokens[(end - Length)..end]) hash = (hash + (uint)token + 1) * 0x9E3779B1;
        return (int)((hash ^ (hash >> 15)) & (uint)(_seen.Length - 1));
    }
}
