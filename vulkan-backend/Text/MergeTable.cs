namespace Gemma2.Backend.Text;

/// <summary>The merges of a <c>tokenizer.json</c>: which two pieces make which one, and in which order.</summary>
/// <param name="capacity">About how many there are.</param>
internal sealed class MergeTable(int capacity)
{
    private readonly Dictionary<long, (int Rank, int Id)> _merges = new(capacity);

    /// <summary>Number of merges.</summary>
    public int Count => _merges.Count;

    /// <summary>Adds a merge behind all others; false where these two pieces have one.</summary>
    public bool TryAdd(int left, int right, int id) => _merges.TryAdd(Key(left, right), (_merges.Count, id));

    /// <summary>Finds what two pieces make; those of lower rank merge first.</summary>
    public bool TryFind(int left, int right, out int id, out int rank)
    {
        bool found = _merges.TryGetValue(Key(left, right), out (int Rank, int Id) merge);
        (rank, id) = merge;
        return found;
    }

    private static long Key(int left, int right) => (long)left << 32 | (uint)right;
}
