using System.Runtime.CompilerServices;
using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Syntax;

/// <summary>
/// The automaton of a grammar over bytes. Its states are made when somebody first comes to them and kept; what is known is read without waiting, one thread at a time adds to it.
/// </summary>
internal sealed class Automaton
{
    // What one step may cost, and all of them together: a count of new expressions, nodes and states, a few hundred bytes each.
    private const long StepBudget = 300_000, TotalBudget = 3_000_000;

    private readonly Lock _growing = new();
    private readonly GrammarStore _store;
    private readonly RegexStore _regexes;
    private readonly Dictionary<StateKey, State> _states = [];

    /// <summary>The automaton of a node.</summary>
    /// <param name="store">Where the node is kept; the automaton's alone from now on.</param>
    /// <param name="start">What is matched.</param>
    /// <exception cref="GrammarException">Nothing matches, a rule is left-recursive, or it is too complex.</exception>
    public Automaton(GrammarStore store, GrammarNode start)
    {
        (_store, _regexes) = (store, store.Regexes);
        store.Settle();
        Start = Make([new(_regexes.Empty, start)]);
        if (Start == State.Dead) throw new GrammarException("", "allows no text at all.");
    }

    /// <summary>Where every text begins.</summary>
    public State Start { get; }

    /// <summary>How much it holds: expressions, nodes and states.</summary>
    public long Size => _regexes.Count + (long)_store.Count + _states.Count;

    /// <summary>The state after a byte; <see cref="State.Dead"/> where it is not allowed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public State Step(State state, byte value) =>
        state.Transitions is { } transitions && transitions.Next[transitions.Classes[value]] is { } next ? next : Grow(state, value);

    /// <summary>The state after any of some characters; null where it depends on the character, or may do so.</summary>
    public State? Step(State state, PlainChars chars) => (state.PlainSteps[chars.Index] ?? Grow(state, chars)).Next;

    private State Grow(State state, byte value)
    {
        lock (_growing)
        {
            Transitions transitions = state.Transitions ??= Divide(state);
            return transitions.Next[transitions.Classes[value]] ??= Within(() =>
                Make(state.Threads.Select(thread => thread with { Regex = _regexes.Derive(thread.Regex, value) })));
        }
    }

    private PlainStep Grow(State state, PlainChars chars)
    {
        lock (_growing)
        {
            return state.PlainSteps[chars.Index] ??= Within(() =>
            {
                Regex?[] derivatives = [.. state.Threads.Select(thread => _regexes.Derive(thread.Regex, chars))];
                return new PlainStep(derivatives.Contains(null) ? null : Make(state.Threads.Zip(derivatives, (thread, derivative) => thread with { Regex = derivative!.Value })));
            });
        }
    }

    private T Within<T>(Func<T> work)
    {
        if (Size > TotalBudget) throw new GrammarException("", "is too complex: this answer needs too many states of it.");
        _regexes.Budget.Allow(StepBudget);
        try
        {
            return work();
        }
        catch (InsufficientExecutionStackException)
        {
            throw new GrammarException("", "is nested too deeply.");
        }
    }

    private Transitions Divide(State state)
    {
        ByteClasses classes = Within(() => state.Threads.Aggregate(_regexes.Classes(_regexes.Empty), (joined, thread) => _regexes.Join(joined, _regexes.Classes(thread.Regex))));
        return new(classes.Map, new State?[classes.Count]);
    }

    /// <summary>The state of some threads: those that lead nowhere are left out, those that may be at their regex's end go on with what follows it.</summary>
    private State Make(IEnumerable<GrammarThread> threads)
    {
        SortedDictionary<int, GrammarThread> kept = [];
        HashSet<GrammarNode> entered = [];
        bool canEnd = false;
        Stack<GrammarThread> left = new(threads);
        while (left.TryPop(out GrammarThread thread))
        {
            (Regex regex, GrammarNode rest) = thread;
            if (regex == _regexes.Nothing || !rest.IsProductive || _regexes.IsNothing(regex)) continue;
            _regexes.Budget.Spend(1);
            if (regex != _regexes.Empty)
                kept[rest.Id] = thread with { Regex = kept.TryGetValue(rest.Id, out GrammarThread same) ? _regexes.Or(same.Regex, regex) : regex };
            if (!_regexes.IsNullable(regex) || !entered.Add(rest)) continue;
            canEnd |= rest.IsNullable;
            foreach (Arm arm in rest.Arms) left.Push(new(arm.Terminal, arm.Rest));
        }

        if (kept.Count == 0 && !canEnd) return State.Dead;
        StateKey key = new(new([.. kept.Values]), canEnd);
        if (!_states.TryGetValue(key, out State? state)) _states.Add(key, state = new([.. kept.Values], canEnd));
        return state;
    }

    private readonly record struct StateKey(ValueList<GrammarThread> Threads, bool CanEnd);
}
