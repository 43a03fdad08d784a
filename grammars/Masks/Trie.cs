namespace Gemma2.Grammars.Masks;

/// <summary>Tokens by their bytes, as a tree that lies flat.</summary>
/// <param name="nodes">The nodes, each before those below it, and one after the last.</param>
/// <param name="tokens">The tokens' ids in the order of their bytes.</param>
/// <param name="mostBytes">Most bytes of a token.</param>
/// <param name="mostCharacters">Most characters of a token; 0 where tokens are not plain.</param>
internal sealed class Trie(TrieNode[] nodes, int[] tokens, int mostBytes, int mostCharacters)
{
    /// <summary>The nodes, each before those below it, and one after the last.</summary>
    public TrieNode[] Nodes => nodes;

    /// <summary>The tokens' ids in the order of their bytes.</summary>
    public int[] Tokens => tokens;

    /// <summary>Most bytes of a token.</summary>
    public int MostBytes => mostBytes;

    /// <summary>Most characters of a token; 0 where tokens are not plain.</summary>
    public int MostCharacters => mostCharacters;
}
