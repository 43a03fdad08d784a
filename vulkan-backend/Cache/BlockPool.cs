namespace Gemma2.Backend.Cache;

/// <summary>
/// Who holds which block of the KV cache. A block is free, or held by one or several sequences, or kept: full, held by nobody, but findable under its key until room is needed. Kept blocks go in
/// the order in which they were last let go. Knows no device: blocks are numbers from 0.
/// </summary>
internal sealed class BlockPool
{
    private readonly Stack<int> _free;
    private readonly int[] _holders;
    private readonly BlockKey?[] _keys;
    private readonly Dictionary<BlockKey, int> _byKey;

    // Kept blocks, as a list in two arrays; the end of both is Count.
    private readonly int[] _next;
    private readonly int[] _previous;
    private int _kept;

    /// <param name="count">How many blocks there are.</param>
    public BlockPool(int count)
    {
        Count = count;
        _free = new Stack<int>(Enumerable.Range(0, count).Reverse());
        _holders = new int[count];
        _keys = new BlockKey?[count];
        _byKey = new Dictionary<BlockKey, int>(count);
        _next = new int[count + 1];
        _previous = new int[count + 1];
        _next[count] = _previous[count] = count;
    }

    /// <summary>All blocks.</summary>
    public int Count { get; }

    /// <summary>Blocks that can be had: free ones and kept ones.</summary>
    public int Available => _free.Count + _kept;

    /// <summary>Blocks that nobody holds but that can still be found.</summary>
    public int Kept => _kept;

    /// <summary>Blocks that sequences hold.</summary>
    public int Held => Count - Available;

    /// <summary>Takes a block for one sequence: a free one, else the one that was let go longest ago.</summary>
    /// <returns>False when there is none.</returns>
    public bool TryTake(out int block)
    {
        if (!_free.TryPop(out block))
        {
            if (_kept == 0) return false;
            block = _next[Count];
            Unlink(block);
            Forget(block);
        }
        _holders[block] = 1;
        return true;
    }

    /// <summary>The block of a key, if there is one; <see cref="Share"/> takes hold of it.</summary>
    public bool TryFind(in BlockKey key, out int block) => _byKey.TryGetValue(key, out block);

    /// <summary>One sequence more holds a block that was found.</summary>
    public void Share(int block)
    {
        if (_holders[block]++ == 0) Unlink(block);
    }

    /// <summary>Says what a held block holds, from now on and for ever. Of several blocks with one key the first is found.</summary>
    public void Publish(int block, in BlockKey key)
    {
        if (_keys[block] is null && _byKey.TryAdd(key, block)) _keys[block] = key;
    }

    /// <summary>A sequence lets a block go. It is kept when it can be found, else free.</summary>
    public void Release(int block)
    {
        if (--_holders[block] > 0) return;
        if (_keys[block] is null) _free.Push(block);
        else Link(block);
    }

    /// <summary>Checks what must always hold.</summary>
    /// <param name="held">How often each block is held, as its holders know it.</param>
    /// <exception cref="InvalidOperationException">Something does not hold.</exception>
    public void CheckInvariants(ReadOnlySpan<int> held)
    {
        var kept = new HashSet<int>();
        for (int block = _next[Count]; block != Count; block = _next[block]) Check(kept.Add(block), $"block {block} is in the list of kept ones twice");
        Check(kept.Count == _kept, $"{_kept} blocks are kept, but {kept.Count} are in the list");
        HashSet<int> free = [.. _free];
        Check(free.Count == _free.Count, "a block is free twice");
        for (int block = 0; block < Count; block++)
        {
            Check(_holders[block] == held[block], $"block {block} is held {held[block]} times, counted {_holders[block]} times");
            int places = (free.Contains(block) ? 1 : 0) + (kept.Contains(block) ? 1 : 0) + (held[block] > 0 ? 1 : 0);
            Check(places == 1, $"block {block} is in {places} places");
            Check(_keys[block] is not { } key || (_byKey.TryGetValue(key, out int found) && found == block), $"block {block} is not found under its key");
            Check(!kept.Contains(block) || _keys[block] is not null, $"block {block} is kept without a key");
            Check(!free.Contains(block) || _keys[block] is null, $"block {block} is free and has a key");
        }
    }

    private static void Check(bool holds, string otherwise)
    {
        if (!holds) throw new InvalidOperationException($"The KV cache's blocks are in disorder: {otherwise}.");
    }

    private void Forget(int block)
    {
        _byKey.Remove(_keys[block]!.Value);
        _keys[block] = null;
    }

    private void Link(int block)
    {
        int last = _previous[Count];
        (_next[last], _previous[block], _next[block], _previous[Count]) = (block, last, Count, block);
        _kept++;
    }

    private void Unlink(int block)
    {
        (_next[_previous[block]], _previous[_next[block]]) = (_next[block], _previous[block]);
        _kept--;
    }
}
