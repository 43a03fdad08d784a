namespace Gemma2.Grammars.Masks;

/// <summary>What a <see cref="TrieNode"/> stands for.</summary>
internal enum TrieNodeKind : byte
{
    /// <summary>A byte that ends amid a character, or of a trie whose tokens are not all plain.</summary>
    Byte,

    /// <summary>A byte that ends a character; all that is below is plain characters.</summary>
    Character,

    /// <summary>No byte: its children are those characters of its parent's children that are not ASCII.</summary>
    NotAscii,
}

/// <summary>A byte that tokens go through after those of its ancestors. Nodes lie in one array, each before its children, children by byte.</summary>
internal struct TrieNode
{
    /// <summary>Where the next node is that is not below this one.</summary>
    public int Skip;

    /// <summary>How many tokens come before its own and those below.</summary>
    public int FirstToken;

    /// <summary>What it stands for.</summary>
    public TrieNodeKind Kind;

    /// <summary>The groups of the characters below it, a bit each (<see cref="Regexes.CharGroups"/>); of <see cref="TrieNodeKind.NotAscii"/>: after the first.</summary>
    public byte GroupsBelow;

    /// <summary>Its byte.</summary>
    public byte Value;

    /// <summary>How many bytes come before it.</summary>
    public byte Depth;

    /// <summary>Most characters below it; of <see cref="TrieNodeKind.NotAscii"/>: after the first.</summary>
    public byte CharactersBelow;
}
