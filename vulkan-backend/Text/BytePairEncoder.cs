using System.Text;

namespace Gemma2.Backend.Text;

/// <summary>
/// Byte pair encoding as SentencePiece does it: begin with single characters, and while two neighbours make a piece, merge those that make the piece of
/// lowest rank, the leftmost first. With the merges in a priority queue that is O(n log n). Holds buffers, so one belongs to one thread.
/// Source: Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", arXiv:1508.07909; google/sentencepiece, bpe_model.cc.
/// </summary>
internal sealed class BytePairEncoder(Vocabulary vocabulary)
{
    private const int None = -1;
    private readonly PriorityQueue<Merge, long> _merges = new();
    private Symbol[] _symbols = [];
    private int _count;

    /// <summary>Encodes text that holds no piece that must stay whole, and appends the ids.</summary>
    /// <param name="text">Well-formed UTF-16 with <see cref="Vocabulary.Space"/> in place of spaces.</param>
    /// <param name="ids">Where ids are appended.</param>
    /// <param name="takesWholeTexts">Whether a text that is a piece as a whole becomes that.</param>
    public void Encode(ReadOnlySpan<char> text, List<int> ids, bool takesWholeTexts = false)
    {
        if (takesWholeTexts && vocabulary.TryFindText(text, out int whole))
        {
            ids.Add(whole);
            return;
        }

        while (!text.IsEmpty)
        {
            int length = WordLength(text);
            EncodeWord(text[..length], ids);
            text = text[length..];
        }
    }

    /// <summary>Up to where no merge can pass: short words make short queues. In Gemma's vocabulary that is before each space at the latest.</summary>
    private int WordLength(ReadOnlySpan<char> text)
    {
        int length = 1;
        while (length < text.Length && (char.IsLowSurrogate(text[length]) || vocabulary.MayJoin(text[length - 1], text[length]))) length++;
        return length;
    }

    private void EncodeWord(ReadOnlySpan<char> word, List<int> ids)
    {
        SplitIntoCharacters(word);
        for (int left = 0; left < _count; left++) Propose(word, left);
        while (_merges.TryDequeue(out Merge merge, out long priority)) Apply(word, merge, (int)(priority & int.MaxValue));
        for (int i = 0; i != None; i = _symbols[i].Next) AppendIds(word, _symbols[i], ids);
    }

    private void SplitIntoCharacters(ReadOnlySpan<char> word)
    {
        if (_symbols.Length < word.Length) _symbols = new Symbol[Math.Max(word.Length, 64)];
        _count = 0;
        for (int start = 0, length; start < word.Length; start += length)
        {
            length = char.IsHighSurrogate(word[start]) ? 2 : 1;
            int id = vocabulary.Merges is not null && vocabulary.TryFindText(word.Slice(start, length), out int found) ? found : None;
            _symbols[_count] = new Symbol { Start = start, Length = length, Previous = _count - 1, Next = _count + 1, Id = id };
            _count++;
        }

        _symbols[_count - 1].Next = None;
    }

    private void Propose(ReadOnlySpan<char> word, int left)
    {
        if (left == None || _symbols[left].Next == None) return;
        if (TryMerge(word, left, out int length, out int id, out long rank)) _merges.Enqueue(new Merge(length, id), rank << 31 | (uint)left);
    }

    private bool TryMerge(ReadOnlySpan<char> word, int left, out int length, out int id, out long rank)
    {
        ref Symbol first = ref _symbols[left], second = ref _symbols[first.Next];
        length = first.Length + second.Length;
        return vocabulary.TryMerge(first.Id, second.Id, word.Slice(first.Start, length), out id, out rank);
    }

    private void Apply(ReadOnlySpan<char> word, Merge merge, int leftIndex)
    {
        ref Symbol left = ref _symbols[leftIndex];
        if (left.Length == 0 || left.Next == None) return;
        ref Symbol right = ref _symbols[left.Next];

        // One of the two may have been merged with its other neighbour since this merge was proposed.
        if (left.Length + right.Length != merge.Length) return;
        if (vocabulary.Merges is not null && !(TryMerge(word, leftIndex, out _, out int id, out _) && id == merge.Id)) return;
        left.Length = merge.Length;
        left.Id = merge.Id;
        left.Next = right.Next;
        right.Length = 0;
        if (left.Next != None) _symbols[left.Next].Previous = leftIndex;
        Propose(word, left.Previous);
        Propose(word, leftIndex);
    }

    private void AppendIds(ReadOnlySpan<char> word, Symbol symbol, List<int> ids)
    {
        ReadOnlySpan<char> text = word.Slice(symbol.Start, symbol.Length);
        if (symbol.Id != None || vocabulary.TryFindText(text, out symbol.Id))
        {
            ids.Add(symbol.Id);
            return;
        }

        Span<byte> utf8 = stackalloc byte[4];
        int length = Encoding.UTF8.GetBytes(text, utf8);
        foreach (byte value in utf8[..length]) ids.Add(vocabulary.ByteId(value));
    }

    /// <summary>A piece of the word, linked to its neighbours; a length of 0 marks one that was merged into its left neighbour.</summary>
    private struct Symbol
    {
        public int Start;
        public int Length;
        public int Previous;
        public int Next;
        public int Id;
    }

    /// <summary>A symbol and its right neighbour make piece <paramref name="Id"/>, <paramref name="Length"/> chars long. The left one's index is in the priority.</summary>
    private readonly record struct Merge(int Length, int Id);
}
