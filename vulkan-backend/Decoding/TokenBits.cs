namespace Gemma2.Backend.Decoding;

/// <summary>Sets of tokens as bits, 32 a word, as <see cref="ITokenMask.Allowed"/> has them and shaders read them.</summary>
public static class TokenBits
{
    private const int WordBits = 32;

    /// <summary>Words for a vocabulary.</summary>
    public static int Words(int vocabularySize) => (vocabularySize + WordBits - 1) / WordBits;

    /// <summary>Whether a token is in a set; the empty span is the set of all.</summary>
    public static bool Contains(ReadOnlySpan<uint> set, int token) => set.IsEmpty || (set[token / WordBits] >> (token % WordBits) & 1) != 0;

    /// <summary>Puts a token into a set.</summary>
    public static void Add(Span<uint> set, int token) => set[token / WordBits] |= 1u << (token % WordBits);

    /// <summary>Takes a token out of a set.</summary>
    public static void Remove(Span<uint> set, int token) => set[token / WordBits] &= ~(1u << (token % WordBits));

    /// <summary>A set of all tokens, and of none beyond.</summary>
    public static uint[] All(int vocabularySize)
    {
        var set = new uint[Words(vocabularySize)];
        Array.Fill(set, uint.MaxValue);
        if (vocabularySize % WordBits is > 0 and int rest) set[^1] = (1u << rest) - 1;
        return set;
    }
}
