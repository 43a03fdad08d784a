using System.Runtime.CompilerServices;
using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Syntax;

/// <summary>One way in which a text of a node may begin.</summary>
/// <param name="Terminal">What comes first; where it is or may be empty, the rest may be all there is.</param>
/// <param name="Rest">What comes after it.</param>
internal readonly record struct Arm(Regex Terminal, GrammarNode Rest);

/// <summary>
/// A set of texts, kept once in a <see cref="GrammarStore"/>. It is matched by its arms (Antimirov's linear forms): a regular expression, then another node.
/// Kinds of nodes differ in how they tell their arms; new kinds may be made outside this folder (<see cref="GrammarStore.Intern"/>).
/// </summary>
/// <param name="store">Where it is kept.</param>
internal abstract class GrammarNode(GrammarStore store)
{
    private IReadOnlyList<Arm>? _arms;
    private Fact _isNullable;
    private Fact _isProductive;

    /// <summary>Its place in the store.</summary>
    public int Id { get; } = store.NextId();

    /// <summary>In the making of which state its arms were taken last; see <see cref="Automaton"/>.</summary>
    public int Entered { get; set; }

    /// <summary>Whether the empty text is one of its texts.</summary>
    public bool IsNullable => Holds(ref _isNullable, static node => node.FindNullable());

    /// <summary>Whether it has any text.</summary>
    public bool IsProductive => Holds(ref _isProductive, static node => node.FindProductive());

    /// <summary>All ways in which its texts may begin; the empty text is none of them. Some may lead to nothing: who matches leaves those out.</summary>
    public IReadOnlyList<Arm> Arms
    {
        get
        {
            if (_arms is not null) return _arms;
            RuntimeHelpers.EnsureSufficientExecutionStack();
            _arms = [.. Expand()];
            Store.Regexes.Budget.Spend(1 + _arms.Count);
            return _arms;
        }
    }

    /// <summary>The nodes with which its texts may begin; none where they begin with a terminal that is not empty.</summary>
    public virtual IEnumerable<GrammarNode> Beginnings => [];

    /// <summary>Where it is kept.</summary>
    protected GrammarStore Store => store;

    /// <summary>Tells <see cref="IsNullable"/>; may ask other nodes.</summary>
    protected abstract bool FindNullable();

    /// <summary>Tells <see cref="IsProductive"/>; may ask other nodes.</summary>
    protected abstract bool FindProductive();

    /// <summary>Tells <see cref="Arms"/>; may ask other nodes and make new ones, but no rules.</summary>
    protected abstract IEnumerable<Arm> Expand();

    // What holds stays so. What does not is asked again in the next round: rules that lead back to themselves are first taken not to hold (a least fixed point).
    private bool Holds(ref Fact fact, Func<GrammarNode, bool> find)
    {
        if (fact.Holds || fact.Round == store.Round) return fact.Holds;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        fact.Round = store.Round;
        bool isFound = false;
        try
        {
            fact.Holds = find(this);
            isFound = true;
            return fact.Holds;
        }
        finally
        {
            // No catch that throws again: on each of many levels that would take more of a stack that is all but used up.
            if (!isFound) fact.Round = 0;
        }
    }

    private struct Fact
    {
        public bool Holds;
        public int Round;
    }
}
