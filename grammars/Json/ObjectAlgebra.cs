namespace Gemma2.Grammars.Json;

/// <summary>Sets of objects.</summary>
/// <param name="formulas">Makes formulas of members' values.</param>
/// <param name="shapes">Knows which formulas hold for nothing.</param>
internal sealed class ObjectAlgebra(FormulaStore formulas, ShapeStore shapes) : AlternativesAlgebra<ObjectConstraint>(JsonKinds.Object, ObjectConstraint.Any)
{
    /// <inheritdoc/>
    public override IReadOnlyList<ObjectConstraint>? Keyword(Formula keyword, bool holds) => keyword switch
    {
        Formula.Members members => holds ? Possible(ObjectConstraint.Any with { Rules = [members.Rules] }) : Possible(Broken(members.Rules)),
        Formula.MemberNames names => holds
            ? [ObjectConstraint.Any with { Rules = [new([], [(shapes.OtherNames(names.Name), formulas.False)], formulas.True)] }]
            : Possible(ObjectConstraint.Any with { Some = [new(shapes.Names(formulas.Not(names.Name)), formulas.True)] }),
        Formula.Required required => holds
            ? [ObjectConstraint.Any with { Required = required.Names }]
            : [.. required.Names.Select(name => ObjectConstraint.Any with { Rules = Only(name, formulas.False) })],
        Formula.MemberCount count => holds ? Possible(ObjectConstraint.Any with { Min = count.Min, Max = count.Max }) : Possible(Miscounted(count)),
        _ => null,
    };

    /// <inheritdoc/>
    protected override ObjectConstraint And(ObjectConstraint left, ObjectConstraint right) => left.And(right);

    /// <inheritdoc/>
    protected override bool IsImpossible(ObjectConstraint constraint) =>
        constraint.Max < Math.Max(constraint.Min, constraint.Required.Count)
        || constraint.Required.Any(name => shapes.IsPlainlyEmpty(shapes.ValueOf(constraint.Rules, name)))
        || constraint.Some.Any(some => shapes.IsPlainlyEmpty(some.Value));

    private static IEnumerable<ObjectConstraint> Miscounted(Formula.MemberCount count)
    {
        if (count.Min > 0) yield return ObjectConstraint.Any with { Max = count.Min - 1 };
        if (count.Max is int max) yield return ObjectConstraint.Any with { Min = max + 1 };
    }

    // Rules are broken by one member that is not what it must be.
    private IEnumerable<ObjectConstraint> Broken(MemberRules rules)
    {
        foreach ((string name, Formula value) in rules.Named)
        {
            if (value != formulas.True) yield return ObjectConstraint.Any with { Rules = Only(name, formulas.Not(value)), Required = [name] };
        }

        foreach ((Regexes.Regex names, Formula value) in rules.Patterns)
        {
            if (value != formulas.True) yield return ObjectConstraint.Any with { Some = [new(names, formulas.Not(value))] };
        }

        if (rules.Additional == formulas.True) yield break;
        yield return ObjectConstraint.Any with { Some = [new(shapes.AdditionalNames(rules), formulas.Not(rules.Additional))] };
    }

    private ValueList<MemberRules> Only(string name, Formula value) =>
        formulas.Members(new([new(name, value)], [], formulas.True)) is Formula.Members members ? [members.Rules] : [];
}
