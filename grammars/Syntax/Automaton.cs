using System.Runtime.CompilerServices;
using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Syntax;

/// <summary>
/// The automaton of a grammar over bytes. Its states are made when somebody first comes to them and kept; what is known is read without waiting, one thread at a time adds to it.
/// </summary>
internal sealed class Automaton
{
    // How much may be added to it: expressions, nodes and states, a few hundred bytes each.
    private const long MostGrowth = 400_000;

    /// <summary>What the states of one mask, or of one token, may cost: far more than any that are not made to explode.</summary>
    public const long UsualBudget = 30_000;

    private readonly Lock _growing = new();
    private readonly GrammarStore _store;
    private readonly RegexStore _regexes;
    private readonly HashSet<State> _states = [];
    // What a state is being made of: ways to go on that are still to be looked at, and those that are in it.
    private readonly Stack<GrammarThread> _left = new();
    private readonly List<GrammarThread> _kept = [];
    private readonly long _sizeAtFirst;
    private int _made;

    /// <summary>The automaton of a node.</summary>
    /// <param name="store">Where the node is kept; the automaton's alone from now on.</param>
    /// <param name="start">What is matched.</param>
    /// <exception cref="GrammarException">Nothing matches, a rule is left-recursive, or it is too complex.</exception>
    public Automaton(GrammarStore store, GrammarNode start)
    {
        (_store, _regexes) = (store, store.Regexes);
        store.Settle();
        _left.Push(new(_regexes.Empty, start));
        Start = Make();
        if (Start == State.Dead) throw new GrammarException("", "allows no text at all.");
        _sizeAtFirst = Size;
    }

    /// <summary>Where every text begins.</summary>
    public State Start { get; }

    /// <summary>How much it holds: expressions, nodes and states.</summary>
    public long Size => _regexes.Size + _store.Count + _states.Count;

    /// <summary>How much was added to it since it was made.</summary>
    public long Growth => Size - _sizeAtFirst;

    /// <summary>The state after a byte; <see cref="State.Dead"/> where it is not allowed.</summary>
    /// <param name="state">The state before it.</param>
    /// <param name="value">The byte.</param>
    /// <param name="budget">What states may cost that are not known yet; what this one costs is taken off.</param>
    /// <exception cref="GrammarException">It costs more, or there are too many states.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public State Step(State state, byte value, ref long budget) =>
        state.Transitions is { } transitions && transitions.Next[transitions.Map[value]] is { } next ? next : Grow(state, value, group: null, ref budget);

    /// <summary>The state after a byte.</summary>
    public State Step(State state, byte value) => Step(state, [value]);

    /// <summary>The state after some bytes.</summary>
    public State Step(State state, ReadOnlySpan<byte> bytes)
    {
        long budget = UsualBudget;
        foreach (byte value in bytes) state = Step(state, value, ref budget);
        return state;
    }

    /// <summary>The state after any character of a group (<see cref="CharGroups"/>); <see cref="State.Several"/> where it depends on the character.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public State StepGroup(State state, int group, ref long budget) => state.AfterGroups is { } groups && groups[group] is { } next ? next : Grow(state, 0, group, ref budget);

    private State Grow(State state, byte value, int? group, ref long budget)
    {
        lock (_growing)
        {
            if (Growth > MostGrowth) throw new GrammarException("", "is too complex: its answers need too many states.");
            _regexes.Budget.Allow(budget);
            _left.Clear();
            try
            {
                return group is null ? After(state, value) : (state.AfterGroups ??= new State?[CharGroups.Count])[group.Value] ??= AfterGroup(state, group.Value);
            }
            catch (InsufficientExecutionStackException)
            {
                throw new GrammarException("", "is nested too deeply.");
            }
            finally
            {
                budget = _regexes.Budget.Left;
            }
        }
    }

    private State After(State state, byte value)
    {
        Transitions transitions = Divided(state);
        ref State? next = ref transitions.Next[transitions.Map[value]];
        if (next is not null) return next;
        foreach (GrammarThread thread in state.Threads) _left.Push(thread with { Regex = _regexes.Derive(thread.Regex, value) });
        return next = Make();
    }

    private State AfterGroup(State state, int group)
    {
        if (group != CharGroups.NotAscii) return Divided(state).Classes.GroupClasses[group] < 0 ? State.Several : After(state, CharGroups.Ascii[group][0]);
        foreach (GrammarThread thread in state.Threads)
        {
            if (_regexes.DeriveNotAscii(thread.Regex) is not { } derivative) return State.Several;
            _left.Push(thread with { Regex = derivative });
        }

        return Make();
    }

    private Transitions Divided(State state)
    {
        if (state.Transitions is { } known) return known;
        ByteClasses classes = _regexes.Classes(_regexes.Empty);
        foreach (GrammarThread thread in state.Threads) classes = _regexes.Join(classes, _regexes.Classes(thread.Regex));
        return state.Transitions = new(classes);
    }

    /// <summary>The state of the threads that are left: those that lead nowhere are left out, those that may be at their regex's end go on with what follows it.</summary>
    private State Make()
    {
        _kept.Clear();
        _made++;
        bool canEnd = false;
        while (_left.TryPop(out GrammarThread thread))
        {
            (Regex regex, GrammarNode rest) = thread;
            if (regex == _regexes.Nothing || !rest.IsProductive || _regexes.IsNothing(regex)) continue;
            _regexes.Budget.Spend(1);
            if (regex != _regexes.Empty) _kept.Add(thread);
            if (!_regexes.IsNullable(regex) || rest.Entered == _made) continue;
            rest.Entered = _made;
            canEnd |= rest.IsNullable;
            foreach (Arm arm in rest.Arms) _left.Push(new(arm.Terminal, arm.Rest));
        }

        if (_kept.Count == 0 && !canEnd) return State.Dead;
        State made = new(Merged(), canEnd);
        if (_states.TryGetValue(made, out State? known)) return known;
        _states.Add(made);
        return made;
    }

    /// <summary>The threads that are kept, in order; those that go on with one node become one.</summary>
    private GrammarThread[] Merged()
    {
        _kept.Sort(static (left, right) => left.Rest.Id != right.Rest.Id ? left.Rest.Id - right.Rest.Id : left.Regex.Id - right.Regex.Id);
        int count = 0;
        for (int i = 0; i < _kept.Count; i++)
        {
            if (count > 0 && _kept[count - 1].Rest == _kept[i].Rest) _kept[count - 1] = _kept[i] with { Regex = _regexes.Or(_kept[count - 1].Regex, _kept[i].Regex) };
            else _kept[count++] = _kept[i];
        }

        return [.. _kept[..count]];
    }
}
