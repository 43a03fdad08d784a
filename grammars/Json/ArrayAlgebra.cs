namespace Gemma2.Grammars.Json;

/// <summary>Sets of lists.</summary>
/// <param name="formulas">Makes formulas of items.</param>
/// <param name="shapes">Knows which formulas hold for nothing.</param>
internal sealed class ArrayAlgebra(FormulaStore formulas, ShapeStore shapes) : AlternativesAlgebra<ArrayConstraint>(JsonKinds.Array, ArrayConstraint.Any)
{
    private const int MostSeen = 8;

    /// <inheritdoc/>
    public override IReadOnlyList<ArrayConstraint>? Keyword(Formula keyword, bool holds) => keyword switch
    {
        Formula.Items items => holds ? [ArrayConstraint.Any with { Rules = [items.Rules] }] : Possible(Broken(items.Rules)),
        Formula.ItemCount count => holds ? Possible(ArrayConstraint.Any with { Min = count.Min, Max = count.Max }) : Possible(Miscounted(count)),
        Formula.Contains contains => holds ? Counted(contains.Counter) : Miscounted(contains.Counter),
        Formula.Unique unique => holds
            ? [ArrayConstraint.Any with { Unique = unique.Place }]
            : throw unique.Place.Error("uniqueItems cannot be negated (by not, oneOf or if)."),
        _ => null,
    };

    /// <inheritdoc/>
    protected override ArrayConstraint And(ArrayConstraint left, ArrayConstraint right) => left.And(right);

    // Only the first items are looked at: what this does not see is found out later.
    /// <inheritdoc/>
    protected override bool IsImpossible(ArrayConstraint constraint) =>
        constraint.Max < constraint.Min
        || constraint.Counters.Any(counter => IsImpossible(counter, constraint.Max))
        || Enumerable.Range(0, Math.Min(constraint.Min, MostSeen)).Any(index => shapes.IsPlainlyEmpty(shapes.ValueOf(constraint.Rules, index)));

    private bool IsImpossible(Counter counter, int? max) =>
        counter.Max < counter.Min || max < counter.From + counter.Min || (counter.Min > 0 && shapes.IsPlainlyEmpty(counter.Value));

    private static IEnumerable<ArrayConstraint> Miscounted(Formula.ItemCount count)
    {
        if (count.Min > 0) yield return ArrayConstraint.Any with { Max = count.Min - 1 };
        if (count.Max is int max) yield return ArrayConstraint.Any with { Min = max + 1 };
    }

    private IReadOnlyList<ArrayConstraint> Counted(Counter counter)
    {
        if (counter.Max == 0) return [ArrayConstraint.Any with { Rules = NoneCounted(counter) }];
        return counter is { Min: 0, Max: null } ? All : Possible(ArrayConstraint.Any with { Counters = [counter], Min = counter.From + counter.Min });
    }

    private List<ArrayConstraint> Miscounted(Counter counter)
    {
        List<ArrayConstraint> alternatives = [];
        if (counter.Min == 1) alternatives.Add(ArrayConstraint.Any with { Rules = NoneCounted(counter) });
        if (counter.Min > 1) alternatives.Add(ArrayConstraint.Any with { Counters = [counter with { Min = 0, Max = counter.Min - 1 }] });
        if (counter.Max is int max) alternatives.Add(ArrayConstraint.Any with { Counters = [counter with { Min = max + 1, Max = null }], Min = counter.From + max + 1 });
        return alternatives;
    }

    // Rules are broken by one item that is not what it must be.
    private IEnumerable<ArrayConstraint> Broken(ItemRules rules)
    {
        for (int i = 0; i < rules.Prefix.Count; i++)
        {
            if (rules.Prefix[i] == formulas.True) continue;
            IEnumerable<Formula> before = Enumerable.Repeat(formulas.True, i);
            yield return ArrayConstraint.Any with { Rules = Rules([.. before, formulas.Not(rules.Prefix[i])], formulas.True), Min = i + 1 };
        }

        if (rules.Rest != formulas.True)
            yield return ArrayConstraint.Any with { Counters = [new(formulas.Not(rules.Rest), rules.Prefix.Count, 1, null)], Min = rules.Prefix.Count + 1 };
    }

    private ValueList<ItemRules> NoneCounted(Counter counter) => Rules([.. Enumerable.Repeat(formulas.True, counter.From)], formulas.Not(counter.Value));

    private ValueList<ItemRules> Rules(IReadOnlyList<Formula> prefix, Formula rest) => formulas.Items(new(prefix, rest)) is Formula.Items items ? [items.Rules] : [];
}
