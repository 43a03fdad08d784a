using System.Buffers;
using System.Text;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Text;
using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Masks;

/// <summary>
/// The tokens of a vocabulary by the bytes that they add to a text; tokens that add none, as control tokens, are never part of a text. Made once a vocabulary, for any number of
/// masks and threads.
/// </summary>
public sealed class TokenTrie
{
    // Longer tokens are left out of every mask: what they spell can be said with others.
    private const int LongestToken = byte.MaxValue;

    // The bytes of all tokens, and where those of each begin.
    private readonly byte[] _bytes;
    private readonly int[] _starts;
    private readonly uint[][] _plainUpTo;

    /// <summary>The tokens of a tokenizer.</summary>
    /// <param name="tokenizer">Tells their bytes.</param>
    /// <param name="vocabularySize">How many ids the model has; ids past the tokenizer's are never allowed. As many as the tokenizer has by default.</param>
    public TokenTrie(GemmaTokenizer tokenizer, int? vocabularySize = null)
    {
        VocabularySize = vocabularySize ?? tokenizer.VocabularySize;
        _starts = new int[VocabularySize + 1];
        List<byte> all = [];
        List<(byte[] Bytes, int Id)> plain = [], others = [];
        for (int id = 0; id < VocabularySize; id++)
        {
            if (id < tokenizer.VocabularySize && tokenizer.TryGetBytes(id, out byte[] bytes) && bytes.Length <= LongestToken)
            {
                all.AddRange(bytes);
                (IsPlain(bytes) ? plain : others).Add((bytes, id));
            }

            _starts[id + 1] = all.Count;
        }

        _bytes = [.. all];
        (Plain, Others) = (TrieBuilder.Build(plain, isPlain: true), TrieBuilder.Build(others, isPlain: false));
        _plainUpTo = new uint[Plain.MostCharacters + 1][];
        uint[] upTo = new uint[TokenBits.Words(VocabularySize)];
        ILookup<int, int> byLength = plain.ToLookup(token => Encoding.UTF8.GetString(token.Bytes).EnumerateRunes().Count(), token => token.Id);
        for (int length = 0; length < _plainUpTo.Length; length++)
        {
            foreach (int id in byLength[length]) TokenBits.Add(upTo, id);
            _plainUpTo[length] = [.. upTo];
        }
    }

    /// <summary>How many ids a mask covers.</summary>
    public int VocabularySize { get; }

    /// <summary>Tokens of plain characters alone (<see cref="CharGroups"/>): nearly all.</summary>
    internal Trie Plain { get; }

    /// <summary>The other ones: with quotation marks, breaks of lines or parts of characters.</summary>
    internal Trie Others { get; }

    /// <summary>The bytes that a token adds; false for one that is never part of a text.</summary>
    internal bool TryGetBytes(int id, out ReadOnlySpan<byte> bytes)
    {
        bytes = (uint)id < (uint)VocabularySize ? _bytes.AsSpan(_starts[id].._starts[id + 1]) : [];
        return !bytes.IsEmpty;
    }

    /// <summary>The plain tokens of at most so many characters.</summary>
    internal ReadOnlySpan<uint> PlainUpTo(int characters) => _plainUpTo[Math.Min(characters, _plainUpTo.Length - 1)];

    private static bool IsPlain(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(bytes, out Rune rune, out int length) != OperationStatus.Done || CharGroups.Of(rune.Value) < 0) return false;
            bytes = bytes[length..];
        }

        return true;
    }
}
