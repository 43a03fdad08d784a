using System.Buffers;
using System.Text;

namespace Gemma2.Grammars.Masks;

/// <summary>Tokens by their bytes, as a tree that lies flat.</summary>
internal sealed class Trie
{
    private readonly List<TrieNode> _nodes = [];
    private readonly (byte[] Bytes, int Id)[] _tokens;
    private readonly bool _isPlain;

    /// <summary>The trie of some tokens.</summary>
    /// <param name="tokens">Their bytes and ids.</param>
    /// <param name="isPlain">Whether all are made of plain characters.</param>
    public Trie(IEnumerable<(byte[] Bytes, int Id)> tokens, bool isPlain)
    {
        _isPlain = isPlain;
        _tokens = [.. tokens];
        Array.Sort(_tokens, (left, right) => left.Bytes.AsSpan().SequenceCompareTo(right.Bytes) is not 0 and var order ? order : left.Id - right.Id);
        CharactersBelow = AddChildren(0, _tokens.Length, 0, isBoundary: true);
        _nodes.Add(new() { FirstToken = _tokens.Length });
        Nodes = [.. _nodes];
        Tokens = [.. _tokens.Select(token => token.Id)];
        Deepest = _tokens.Select(token => token.Bytes.Length).DefaultIfEmpty().Max();
        (_nodes, _tokens) = ([], []);
    }

    /// <summary>The nodes, each before those below it, and one after the last.</summary>
    public TrieNode[] Nodes { get; }

    /// <summary>The tokens' ids in the order of their bytes.</summary>
    public int[] Tokens { get; }

    /// <summary>Most bytes of a token.</summary>
    public int Deepest { get; }

    /// <summary>Most characters of a token; 0 for tokens that are not plain.</summary>
    public byte CharactersBelow { get; }

    // The nodes of the tokens from first to end, which share so many bytes and have more; gives the most characters there are.
    private byte AddChildren(int first, int end, int depth, bool isBoundary)
    {
        byte most = 0;
        int group = -1;
        for (int next; first < end; first = next)
        {
            byte value = _tokens[first].Bytes[depth];
            next = first + 1;
            while (next < end && _tokens[next].Bytes[depth] == value) next++;
            if (_isPlain && isBoundary && value >= 0x80 && group < 0)
            {
                group = _nodes.Count;
                _nodes.Add(new() { Kind = TrieNodeKind.NotAscii, FirstToken = first, Depth = (byte)depth });
            }

            byte characters = AddNode(first, next, depth);
            most = Math.Max(most, characters);
            if (group >= 0) SetBelow(group, Math.Max(_nodes[group].CharactersBelow, (byte)(characters - 1)));
        }

        if (group >= 0) SetSkip(group);
        return most;
    }

    // Gives the most characters from this byte on; of one amid a character: those from the next one on, and one more.
    private byte AddNode(int first, int end, int depth)
    {
        int node = _nodes.Count;
        byte[] bytes = _tokens[first].Bytes;
        bool isBoundary = _isPlain && EndsCharacter(bytes.AsSpan(0, depth + 1));
        _nodes.Add(new() { Kind = isBoundary ? TrieNodeKind.Character : TrieNodeKind.Byte, Value = bytes[depth], FirstToken = first, Depth = (byte)depth });
        while (first < end && _tokens[first].Bytes.Length == depth + 1) first++;
        byte below = AddChildren(first, end, depth + 1, isBoundary);
        SetBelow(node, below);
        SetSkip(node);
        return isBoundary ? (byte)(below + 1) : below;
    }

    private static bool EndsCharacter(ReadOnlySpan<byte> bytes) => Rune.DecodeLastFromUtf8(bytes, out _, out _) == OperationStatus.Done;

    private void SetBelow(int node, byte value) => _nodes[node] = _nodes[node] with { CharactersBelow = value };

    private void SetSkip(int node) => _nodes[node] = _nodes[node] with { Skip = _nodes.Count };
}
