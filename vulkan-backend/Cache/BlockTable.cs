using System.Runtime.InteropServices;
using Gemma2.Backend.Kernels.Attention;

namespace Gemma2.Backend.Cache;

/// <summary>
/// Where the keys and values of one sequence lie: for each group of layers, which block has the positions from 32 * i on. Groups see all positions or a window of them; what left every window is
/// given back.
/// </summary>
internal sealed class BlockTable
{
    /// <summary>Positions of a block.</summary>
    public const int Positions = CacheLayout.BlockPositions;

    /// <summary>Stands for no block: given back, or not there yet.</summary>
    public const int None = -1;

    private readonly BlockPool _pool;
    private readonly IReadOnlyList<int?> _windows;
    private readonly List<int>[] _blocks;
    private readonly int[] _first; // that a group still has
    private readonly List<UInt128> _chain; // of the full blocks, as far as they are published

    /// <param name="pool">Where blocks come from.</param>
    /// <param name="windows">Of each group of layers: how many positions a query sees, itself included; null for all.</param>
    /// <param name="mostPositions">Most positions that there will be: room for their blocks' numbers is taken now, so that none is taken later.</param>
    public BlockTable(BlockPool pool, IReadOnlyList<int?> windows, int mostPositions = 0)
    {
        (_pool, _windows) = (pool, windows);
        _blocks = [.. windows.Select(_ => new List<int>(Covering(mostPositions)))];
        _chain = new List<UInt128>(Covering(mostPositions));
        _first = new int[windows.Count];
    }

    /// <summary>Groups of layers.</summary>
    public int Groups => _blocks.Length;

    /// <summary>The blocks of a group from position 0 on; <see cref="None"/> for those that were given back.</summary>
    public ReadOnlySpan<int> Blocks(int group) => CollectionsMarshal.AsSpan(_blocks[group]);

    /// <summary>Most blocks that a sequence holds at once.</summary>
    /// <param name="windows">Windows of the groups.</param>
    /// <param name="positions">Its length.</param>
    /// <param name="rows">Most rows of it in a step.</param>
    public static int MostBlocks(IEnumerable<int?> windows, int positions, int rows) =>
        windows.Sum(window => Math.Min(Covering(positions), window is { } seen && seen < positions ? Covering(seen + rows) + 1 : int.MaxValue));

    /// <summary>Blocks that hold a number of positions.</summary>
    public static int Covering(int positions) => (positions + Positions - 1) / Positions;

    /// <summary>Blocks that are missing for a length.</summary>
    public int Missing(int positions)
    {
        int missing = 0;
        foreach (List<int> blocks in _blocks) missing += Math.Max(0, Covering(positions) - blocks.Count);
        return missing;
    }

    /// <summary>Takes blocks until they hold a number of positions.</summary>
    /// <returns>False when the pool has not enough; then nothing was taken.</returns>
    public bool TryExtend(int positions)
    {
        if (Missing(positions) > _pool.Available) return false;
        foreach (List<int> blocks in _blocks)
        {
            while (blocks.Count < Covering(positions))
            {
                _pool.TryTake(out int block);
                blocks.Add(block);
            }
        }
        return true;
    }

    /// <summary>Gives back the blocks that no query from a position on sees.</summary>
    public void Trim(int position)
    {
        for (int group = 0; group < Groups; group++)
        {
            if (_windows[group] is not { } window) continue;
            int first = Math.Max(0, position + 1 - window) / Positions;
            for (; _first[group] < Math.Min(first, _blocks[group].Count); _first[group]++)
            {
                _pool.Release(_blocks[group][_first[group]]);
                _blocks[group][_first[group]] = None;
            }
        }
    }

    /// <summary>Makes the full blocks findable for other sequences.</summary>
    /// <param name="tokens">The sequence's tokens.</param>
    /// <param name="promptLength">How many of them are the prompt's.</param>
    /// <param name="computed">Positions whose keys and values are there, or will be before any later step.</param>
    public void Publish(ReadOnlySpan<int> tokens, int promptLength, int computed)
    {
        for (int index = _chain.Count; index < computed / Positions; index++)
        {
            UInt128 chain = Extend(index, tokens, promptLength);
            _chain.Add(chain);
            for (int group = 0; group < Groups; group++)
                if (_blocks[group][index] != None) _pool.Publish(_blocks[group][index], new BlockKey(chain, group));
        }
    }

    /// <summary>Takes over blocks that other sequences with the same beginning have computed.</summary>
    /// <param name="tokens">The sequence's tokens.</param>
    /// <param name="promptLength">How many of them are the prompt's.</param>
    /// <param name="computed">Positions that are there already. Nothing is found when they end within a block.</param>
    /// <param name="most">Positions that may be taken over, with those that are there.</param>
    /// <returns>Positions that are there now.</returns>
    public int Adopt(ReadOnlySpan<int> tokens, int promptLength, int computed, int most)
    {
        int first = computed / Positions, end = first;
        if (computed % Positions != 0 || _chain.Count != first || Array.Exists(_blocks, blocks => blocks.Count != first)) return computed;
        // Groups that see everything need all blocks; those with windows only what the next query sees, so that a block that is missing may be passed over.
        Span<int> missing = stackalloc int[Groups];
        missing.Fill(-1);
        for (int index = first; (index + 1) * Positions <= most; index++)
        {
            UInt128 chain = Extend(index, tokens, promptLength);
            _chain.Add(chain);
            if (FindMissing(chain, index, missing)) break;
            if (SeesAll(index + 1, missing)) end = index + 1;
        }
        _chain.RemoveRange(end, _chain.Count - end);
        for (int index = first; index < end; index++) Take(index, end);
        return end * Positions;
    }

    /// <summary>Gives all blocks back, the last ones first: kept ones are lost from the end of the chain on.</summary>
    public void Clear()
    {
        for (int index = _blocks.Max(blocks => blocks.Count) - 1; index >= 0; index--)
        {
            foreach (List<int> blocks in _blocks)
                if (index < blocks.Count && blocks[index] != None) _pool.Release(blocks[index]);
        }
        foreach (List<int> blocks in _blocks) blocks.Clear();
        Array.Clear(_first);
        _chain.Clear();
    }

    /// <summary>Adds to how often each block is held.</summary>
    public void CountHeld(Span<int> held)
    {
        foreach (List<int> blocks in _blocks)
            foreach (int block in blocks)
                if (block != None) held[block]++;
    }

    private UInt128 Extend(int index, ReadOnlySpan<int> tokens, int promptLength) => BlockKey.Extend(
        index == 0 ? 0 : _chain[index - 1], tokens.Slice(index * Positions, Positions), promptLength - (index * Positions));

    /// <summary>Notes for which groups a block is missing.</summary>
    /// <returns>Whether it is missing for one that sees everything.</returns>
    private bool FindMissing(UInt128 chain, int index, Span<int> lastMissing)
    {
        bool isEnd = false;
        for (int group = 0; group < Groups; group++)
        {
            if (_pool.TryFind(new BlockKey(chain, group), out _)) continue;
            lastMissing[group] = index;
            isEnd |= _windows[group] is null;
        }
        return isEnd;
    }

    /// <summary>Whether groups with a window have all that a query at the beginning of a block sees.</summary>
    private bool SeesAll(int block, ReadOnlySpan<int> lastMissing)
    {
        for (int group = 0; group < Groups; group++)
            if (_windows[group] is { } window && lastMissing[group] >= FirstSeen(block, window)) return false;
        return true;
    }

    private void Take(int index, int end)
    {
        for (int group = 0; group < Groups; group++)
        {
            int block = None;
            if (_windows[group] is not { } window || index >= FirstSeen(end, window))
            {
                _pool.TryFind(new BlockKey(_chain[index], group), out block);
                _pool.Share(block);
            }
            else
            {
                _first[group] = index + 1;
            }
            _blocks[group].Add(block);
        }
    }

    /// <summary>The first block that a query at the first position of a block sees.</summary>
    private static int FirstSeen(int block, int window) => Math.Max(0, (block * Positions) + 1 - window) / Positions;
}
