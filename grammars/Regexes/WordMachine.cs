namespace Gemma2.Grammars.Regexes;

/// <summary>One word of a list: those that begin like the text so far lie side by side in the sorted list.</summary>
/// <param name="Words">All words in UTF-8, sorted, each once.</param>
/// <param name="First">The first word that begins like the text so far.</param>
/// <param name="End">The place behind the last one.</param>
/// <param name="Length">How long the text so far is.</param>
internal sealed record WordMachine(byte[][] Words, int First, int End, int Length) : IByteMachine
{
    /// <inheritdoc/>
    public bool IsNullable => Words[First].Length == Length;

    /// <inheritdoc/>
    ByteSet IByteMachine.First
    {
        get
        {
            ByteSet set = default;
            // From one byte to the next that differs, by halving.
            for (int word = IsNullable ? First + 1 : First; word < End; word = Behind(Words[word][Length])) set |= ByteSet.Of(Words[word][Length]);
            return set;
        }
    }

    /// <summary>A list of words.</summary>
    /// <param name="words">The words, in any order.</param>
    public static WordMachine Of(IEnumerable<byte[]> words)
    {
        List<byte[]> sorted = [];
        foreach (byte[] word in words.Order(Comparer<byte[]>.Create((left, right) => left.AsSpan().SequenceCompareTo(right))))
        {
            if (sorted.Count == 0 || !sorted[^1].AsSpan().SequenceEqual(word)) sorted.Add(word);
        }

        return new([.. sorted], 0, sorted.Count, 0);
    }

    /// <inheritdoc/>
    public IByteMachine Next(byte value) => new WordMachine(Words, value == 0 ? (IsNullable ? First + 1 : First) : Behind((byte)(value - 1)), Behind(value), Length + 1);

    // The place behind the words whose next byte is not greater; a word that ends here comes before all of them.
    private int Behind(byte value)
    {
        int low = First, high = End;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (Words[middle].Length == Length || Words[middle][Length] <= value) low = middle + 1;
            else high = middle;
        }

        return low;
    }
}
