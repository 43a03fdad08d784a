namespace Gemma2.Backend.Text;

/// <summary>The merges of a <c>tokenizer.json</c>: which two pieces make which one, and in which order.</summary>
/// <param name="capacity">About how many there are.</param>
internal sealed class MergeTable(int capacity)
{
    private readonly Dictionary<long, (int Rank, int Id)> _merges = new(capacity);

    /// <summary>Sets what two pieces make, and when.</summary>
    public void Set(int left, int right, int id, int rank) => _merges[Key(left, right)] = (rank, id);

    /// <summary>Finds what two pieces make; those of lower rank merge first.</summary>
    public bool TryFind(int left, int right, out int id, out int rank)
    {
        bool found = _merges.TryGetValue(Key(left, right), out (int Rank, int Id) merge);
        (rank, id) = merge;
        return found;
    }

    private static long Key(int left, int right) => (long)left << 32 | (uint)right;
}
