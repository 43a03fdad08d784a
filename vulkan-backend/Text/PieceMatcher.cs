using System.Buffers;

namespace Gemma2.Backend.Text;

/// <summary>Finds pieces that stand in text as they are: the leftmost, and of those that begin there the longest.</summary>
internal sealed class PieceMatcher
{
    private const int Root = 0;

    // A trie in one table: (node, next char) -> node.
    private readonly Dictionary<(int Node, char Next), int> _children = [];
    private readonly List<int> _idAtNode = [-1];
    private readonly SearchValues<char> _firstChars;

    /// <summary>Makes a matcher for some pieces.</summary>
    public PieceMatcher(IEnumerable<(string Text, int Id)> pieces)
    {
        HashSet<char> firstChars = [];
        foreach ((string text, int id) in pieces)
        {
            if (text.Length == 0) continue;
            firstChars.Add(text[0]);
            int node = Root;
            foreach (char next in text) node = Child(node, next);
            _idAtNode[node] = id;
        }

        _firstChars = SearchValues.Create([.. firstChars]);
    }

    /// <summary>Finds the first piece at or after <paramref name="from"/>; false where there is none.</summary>
    public bool TryFind(ReadOnlySpan<char> text, int from, out int start, out int length, out int id)
    {
        for (start = from; start < text.Length; start++)
        {
            int skipped = text[start..].IndexOfAny(_firstChars);
            if (skipped < 0) break;
            start += skipped;
            if (TryMatch(text[start..], out length, out id)) return true;
        }

        (start, length, id) = (text.Length, 0, -1);
        return false;
    }

    private bool TryMatch(ReadOnlySpan<char> text, out int length, out int id)
    {
        (length, id) = (0, -1);
        for (int i = 0, node = Root; i < text.Length && _children.TryGetValue((node, text[i]), out node); i++)
            if (_idAtNode[node] >= 0) (length, id) = (i + 1, _idAtNode[node]);
        return id >= 0;
    }

    private int Child(int node, char next)
    {
        if (_children.TryGetValue((node, next), out int child)) return child;
        _idAtNode.Add(-1);
        return _children[(node, next)] = _idAtNode.Count - 1;
    }
}
