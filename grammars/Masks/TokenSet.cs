using Gemma2.Backend.Decoding;

namespace Gemma2.Grammars.Masks;

/// <summary>A set of tokens, small enough to keep many: a number of characters up to which all plain tokens are in it, and the others by where they lie in their trie.</summary>
/// <param name="trie">All tokens.</param>
/// <param name="plainUpTo">Plain tokens of so many characters are in it.</param>
/// <param name="plain">Changes to that: ranges of plain tokens that are in it instead, or, where <paramref name="plainUpTo"/> is all, that are not.</param>
/// <param name="others">Ranges of the other tokens that are in it.</param>
internal sealed class TokenSet(TokenTrie trie, int plainUpTo, Range[] plain, Range[] others)
{
    /// <summary>Numbers that it holds.</summary>
    public int Size => plain.Length + others.Length + 8;

    /// <summary>Writes it out as bits.</summary>
    public void CopyTo(Span<uint> bits)
    {
        trie.PlainUpTo(plainUpTo).CopyTo(bits);
        foreach (Range range in plain)
        {
            foreach (int id in trie.Plain.Tokens.AsSpan(range))
            {
                if (plainUpTo > 0) TokenBits.Remove(bits, id);
                else TokenBits.Add(bits, id);
            }
        }

        foreach (Range range in others)
        {
            foreach (int id in trie.Others.Tokens.AsSpan(range)) TokenBits.Add(bits, id);
        }
    }
}
