using Gemma2.Grammars.Syntax;

namespace Gemma2.Grammars.Json;

/// <summary>Objects: members that are named, and the names that are not, divided by what their values must be.</summary>
internal sealed partial class GrammarBuilder
{
    // Each way to be some of what some members must be is a member of its own.
    private const int MostSome = 4;

    /// <summary>A member that there must be is one of those that are named, or another: so many alternatives.</summary>
    private IEnumerable<ObjectConstraint> SplitSome(ObjectConstraint constraint)
    {
        List<ObjectConstraint> alternatives = [constraint with { Some = [] }];
        string[] named = Names(constraint);
        foreach (SomeMember some in constraint.Some)
        {
            string[] among = [.. named.Where(name => _shapes.Matches(some.Names, name))];
            alternatives = [.. alternatives.SelectMany(alternative =>
                among.Select(name => WithMember(alternative, name, some.Value)).Append(alternative with { Some = [.. alternative.Some, some] }))];
        }

        return alternatives;
    }

    private ObjectConstraint WithMember(ObjectConstraint constraint, string name, Formula value)
    {
        MemberRules rules = new([new(name, value)], [], _formulas.True);
        return constraint.And(ObjectConstraint.Any with { Rules = [rules], Required = [name] });
    }

    private static string[] Names(ObjectConstraint constraint) =>
        [.. constraint.Rules.SelectMany(rule => rule.Named).Select(member => member.Key).Concat(constraint.Required).Distinct(StringComparer.Ordinal)];

    private GrammarNode Object(ObjectConstraint constraint)
    {
        if (constraint.Some.Count > MostSome) throw new GrammarException("", "is too complex: too many negations speak of members of any name.");
        string[] names = Names(constraint);
        HashSet<string> required = [.. constraint.Required];
        List<NamedMember> named = [];
        foreach (string name in names)
        {
            Formula value = _shapes.ValueOf(constraint.Rules, name);
            if (value == _formulas.False && !required.Contains(name)) continue;
            named.Add(new(_syntax.Name(_regexes.Literal(name)), Node(value), required.Contains(name)));
        }

        FreeMember[] free = [.. NamePartition.Divide(constraint, names, _formulas).SelectMany(part => Fulfilments(part, constraint.Some))];
        return new ObjectShape(_syntax, named, free, constraint.Min, constraint.Max, constraint.Some.Count).ToNode(_store);
    }

    // A member is nothing of what some must be, or any of it that its name allows.
    private IEnumerable<FreeMember> Fulfilments(FreeNames part, ValueList<SomeMember> some)
    {
        for (int fulfils = 0; fulfils < 1 << some.Count; fulfils++)
        {
            if ((fulfils & ~part.Some) != 0) continue;
            Formula value = _formulas.All([part.Value, .. some.Where((_, i) => (fulfils >> i & 1) != 0).Select(member => member.Value)]);
            if (!_shapes.IsPlainlyEmpty(value)) yield return new(_syntax.Name(part.Names), Node(value), fulfils);
        }
    }
}
