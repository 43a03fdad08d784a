using System.Runtime.InteropServices;

namespace Gemma2.Backend.Decoding;

/// <summary>How often each token came in a text that grows and shrinks at its end.</summary>
internal sealed class TokenCounts
{
    private const int FirstCapacity = 256;

    private readonly List<int> _tokens = new(FirstCapacity);
    private readonly Dictionary<int, int> _counts = new(FirstCapacity);

    /// <summary>Every token that is there, and how often. Enumerating it allocates nothing.</summary>
    public Dictionary<int, int> Counts => _counts;

    /// <summary>Adds a token at the end.</summary>
    public void Add(int token)
    {
        _tokens.Add(token);
        CollectionsMarshal.GetValueRefOrAddDefault(_counts, token, out _)++;
    }

    /// <summary>Removes tokens from the end.</summary>
    public void RemoveLast(int count)
    {
        int kept = _tokens.Count - count;
        foreach (int token in CollectionsMarshal.AsSpan(_tokens)[kept..])
            if (--CollectionsMarshal.GetValueRefOrAddDefault(_counts, token, out _) == 0) _counts.Remove(token);
        CollectionsMarshal.SetCount(_tokens, kept);
    }
}
