using System.Collections.Concurrent;
using System.Numerics;
using Gemma2.Grammars.Regexes;
using Gemma2.Grammars.Syntax;

namespace Gemma2.Grammars.Masks;

/// <summary>The tokens that may come in each state of an automaton: found by a walk through the trie that leaves out what no state allows, kept while there is room.</summary>
/// <param name="automaton">Tells what follows what.</param>
/// <param name="trie">The tokens.</param>
internal sealed class MaskTable(Automaton automaton, TokenTrie trie)
{
    // Numbers in all sets together.
    private const int Capacity = 1 << 18;

    private readonly ConcurrentDictionary<State, TokenSet> _sets = [];
    private int _size;

    /// <summary>Tells what follows what.</summary>
    public Automaton Automaton => automaton;

    /// <summary>The tokens.</summary>
    public TokenTrie Trie => trie;

    /// <summary>The tokens all of whose bytes may come.</summary>
    public TokenSet Find(State state)
    {
        if (_sets.TryGetValue(state, out TokenSet? set)) return set;
        set = Make(state);
        if (Interlocked.Add(ref _size, set.Size) > Capacity)
        {
            _sets.Clear();
            _size = set.Size;
        }

        return _sets[state] = set;
    }

    private TokenSet Make(State state)
    {
        long budget = Automaton.UsualBudget;
        Range[] others = Walk(state, trie.Others, ref budget);
        // As long as plain characters are not told apart, their number decides.
        int run = 0;
        State current = state;
        while (run < trie.Plain.MostCharacters && After(current, CharGroups.All, ref budget) is { } next)
        {
            if (next == State.Dead) return new(trie, run, [], others);
            run = next == current ? int.MaxValue : run + 1;
            current = next;
        }

        if (run >= trie.Plain.MostCharacters) return new(trie, run, [], others);
        Range[] plain = Walk(state, trie.Plain, ref budget);
        bool isMost = plain.Sum(range => range.End.Value - range.Start.Value) > trie.Plain.Tokens.Length / 2;
        return isMost ? new(trie, int.MaxValue, Complement(plain, trie.Plain.Tokens.Length), others) : new(trie, 0, plain, others);
    }

    private Range[] Walk(State start, Trie tokens, ref long budget)
    {
        List<Range> allowed = [];
        TrieNode[] nodes = tokens.Nodes;
        State[] states = new State[tokens.MostBytes + 1];
        states[0] = start;
        for (int i = 0; i < nodes.Length - 1;)
        {
            ref readonly TrieNode node = ref nodes[i];
            State before = states[node.Depth];
            State after = node.Kind == TrieNodeKind.NotAscii ? automaton.StepGroup(before, CharGroups.NotAscii, ref budget) : automaton.Step(before, node.Value, ref budget);
            if (after == State.Dead)
            {
                i = node.Skip;
            }
            else if (node.Kind != TrieNodeKind.Byte && after != State.Several && AllowsAll(after, node.GroupsBelow, node.CharactersBelow, ref budget))
            {
                Add(allowed, node.FirstToken, nodes[node.Skip].FirstToken);
                i = node.Skip;
            }
            else
            {
                i++;
                if (node.Kind == TrieNodeKind.NotAscii) continue;
                states[node.Depth + 1] = after;
                Add(allowed, node.FirstToken, nodes[i].FirstToken);
            }
        }

        return [.. allowed];
    }

    /// <summary>Whether any so many characters of some groups may come.</summary>
    private bool AllowsAll(State state, int groups, int characters, ref long budget)
    {
        for (; characters > 0; characters--)
        {
            if (After(state, groups, ref budget) is not { } next || next == State.Dead) return false;
            if (next == state) return true;
            state = next;
        }

        return true;
    }

    /// <summary>The state after any character of some groups; null where it depends on the character.</summary>
    private State? After(State state, int groups, ref long budget)
    {
        State? after = null;
        for (int left = groups; left != 0; left &= left - 1)
        {
            State next = automaton.StepGroup(state, BitOperations.TrailingZeroCount(left), ref budget);
            if (next == State.Several || (after ?? next) != next) return null;
            after = next;
        }

        return after;
    }

    private static void Add(List<Range> ranges, int first, int end)
    {
        if (first == end) return;
        if (ranges.Count > 0 && ranges[^1].End.Value == first) ranges[^1] = ranges[^1].Start..end;
        else ranges.Add(first..end);
    }

    private static Range[] Complement(Range[] ranges, int length)
    {
        List<Range> complement = [];
        int first = 0;
        foreach (Range range in ranges)
        {
            Add(complement, first, range.Start.Value);
            first = range.End.Value;
        }

        Add(complement, first, length);
        return [.. complement];
    }
}
