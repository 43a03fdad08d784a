using System.Buffers;
using System.Text;
using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Masks;

/// <summary>Makes a <see cref="Trie"/>.</summary>
internal sealed class TrieBuilder
{
    private readonly List<TrieNode> _nodes = [];
    private readonly (byte[] Bytes, int Id)[] _tokens;
    private readonly bool _isPlain;

    private TrieBuilder(IEnumerable<(byte[] Bytes, int Id)> tokens, bool isPlain)
    {
        _isPlain = isPlain;
        _tokens = [.. tokens];
        Array.Sort(_tokens, (left, right) => left.Bytes.AsSpan().SequenceCompareTo(right.Bytes) is not 0 and var order ? order : left.Id - right.Id);
    }

    /// <summary>The trie of some tokens.</summary>
    /// <param name="tokens">Their bytes and ids.</param>
    /// <param name="isPlain">Whether all are made of plain characters.</param>
    public static Trie Build(IEnumerable<(byte[] Bytes, int Id)> tokens, bool isPlain) => new TrieBuilder(tokens, isPlain).Build();

    private Trie Build()
    {
        int mostCharacters = AddChildren(0, _tokens.Length, 0, isBoundary: true).Self.Characters;
        _nodes.Add(new() { FirstToken = _tokens.Length });
        return new([.. _nodes], [.. _tokens.Select(token => token.Id)], _tokens.Select(token => token.Bytes.Length).DefaultIfEmpty().Max(), mostCharacters);
    }

    // Adds what comes after the first bytes of the tokens from first to end, which share so many. Gives the characters from there on, and those after the first of them.
    private (Below Self, Below After) AddChildren(int first, int end, int depth, bool isBoundary)
    {
        Below self = default, after = default;
        int group = -1;
        for (int next; first < end; first = next)
        {
            byte value = _tokens[first].Bytes[depth];
            next = first + 1;
            while (next < end && _tokens[next].Bytes[depth] == value) next++;
            if (_isPlain && isBoundary && value >= 0x80 && group < 0)
            {
                group = _nodes.Count;
                after = default;
                _nodes.Add(new() { Kind = TrieNodeKind.NotAscii, FirstToken = first, Depth = (byte)depth });
            }

            (Below childSelf, Below childAfter) = AddNode(first, next, depth);
            (self, after) = (self.With(childSelf), after.With(childAfter));
        }

        if (group >= 0) Finish(group, after);
        return (self, after);
    }

    private (Below Self, Below After) AddNode(int first, int end, int depth)
    {
        int node = _nodes.Count;
        byte[] bytes = _tokens[first].Bytes;
        Rune character = default;
        bool isBoundary = _isPlain && Rune.DecodeLastFromUtf8(bytes.AsSpan(0, depth + 1), out character, out _) == OperationStatus.Done;
        _nodes.Add(new() { Kind = isBoundary ? TrieNodeKind.Character : TrieNodeKind.Byte, Value = bytes[depth], FirstToken = first, Depth = (byte)depth });
        while (first < end && _tokens[first].Bytes.Length == depth + 1) first++;
        (Below self, Below after) = AddChildren(first, end, depth + 1, isBoundary);
        Finish(node, self);
        return isBoundary ? (new(self.Characters + 1, self.Groups | 1 << CharGroups.Of(character.Value)), self) : (self, after);
    }

    private void Finish(int node, Below below) =>
        _nodes[node] = _nodes[node] with { Skip = _nodes.Count, CharactersBelow = (byte)below.Characters, GroupsBelow = (byte)below.Groups };

    /// <summary>What characters come.</summary>
    /// <param name="Characters">Most of them in a row.</param>
    /// <param name="Groups">Their groups, a bit each.</param>
    private readonly record struct Below(int Characters, int Groups)
    {
        public Below With(Below other) => new(Math.Max(Characters, other.Characters), Groups | other.Groups);
    }
}
