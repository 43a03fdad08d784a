namespace Gemma2.Grammars.Json;

/// <summary>
/// Sets of lists or of objects as alternatives: a value is in the set when all of one alternative holds of it. Alternatives that plainly hold of none are left out.
/// </summary>
/// <typeparam name="TConstraint">One alternative.</typeparam>
internal abstract class AlternativesAlgebra<TConstraint>(JsonKinds kind, TConstraint any) : IKindAlgebra<IReadOnlyList<TConstraint>>
    where TConstraint : class
{
    private const int Most = 2_000;

    /// <inheritdoc/>
    public JsonKinds Kind => kind;

    /// <inheritdoc/>
    public IReadOnlyList<TConstraint> All { get; } = [any];

    /// <inheritdoc/>
    public IReadOnlyList<TConstraint> None { get; } = [];

    /// <inheritdoc/>
    public bool IsNone(IReadOnlyList<TConstraint> set) => set.Count == 0;

    /// <inheritdoc/>
    public IReadOnlyList<TConstraint> And(IReadOnlyList<TConstraint> left, IReadOnlyList<TConstraint> right)
    {
        if (left == All) return right;
        if (right == All) return left;
        HashSet<TConstraint> joined = [];
        foreach (TConstraint one in left)
        {
            foreach (TConstraint other in right)
            {
                TConstraint both = And(one, other);
                if (!IsImpossible(both)) joined.Add(both);
                Check(joined.Count);
            }
        }

        return [.. joined];
    }

    /// <inheritdoc/>
    public IReadOnlyList<TConstraint> Or(IReadOnlyList<TConstraint> left, IReadOnlyList<TConstraint> right)
    {
        if (left == All || right == All) return All;
        if (left.Count == 0) return right;
        if (right.Count == 0) return left;
        TConstraint[] joined = [.. left.Union(right)];
        Check(joined.Length);
        return joined;
    }

    /// <inheritdoc/>
    public abstract IReadOnlyList<TConstraint>? Keyword(Formula keyword, bool holds);

    /// <summary>What holds of both.</summary>
    protected abstract TConstraint And(TConstraint left, TConstraint right);

    /// <summary>Whether an alternative plainly holds of no value.</summary>
    protected abstract bool IsImpossible(TConstraint constraint);

    /// <summary>The alternatives that hold of anything.</summary>
    protected IReadOnlyList<TConstraint> Possible(params IEnumerable<TConstraint> alternatives) =>
        [.. alternatives.Where(alternative => !IsImpossible(alternative)).Distinct()];

    private static void Check(int count)
    {
        if (count > Most)
            throw new GrammarException("", $"is too complex: its parts combine to more than {Most} alternatives; use fewer of anyOf, oneOf and not.");
    }
}
