using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Json;

/// <summary>The names of members that a schema does not name, divided by what their values must be.</summary>
/// <param name="Names">The names.</param>
/// <param name="Value">What the values are.</param>
/// <param name="Some">Which of the object's <see cref="ObjectConstraint.Some"/> speak of these names, a bit each.</param>
internal sealed record FreeNames(Regex Names, Formula Value, int Some);

/// <summary>Divides names by the patterns that they match.</summary>
internal static class NamePartition
{
    private const int Most = 256;

    /// <summary>The parts, none of them empty.</summary>
    /// <param name="constraint">The object.</param>
    /// <param name="named">The names that are not divided.</param>
    /// <param name="formulas">Makes formulas of values.</param>
    public static IReadOnlyList<FreeNames> Divide(ObjectConstraint constraint, IReadOnlyCollection<string> named, FormulaStore formulas)
    {
        RegexStore regexes = formulas.Regexes;
        IEnumerable<Regex> ofRules = constraint.Rules.SelectMany(rule => rule.Patterns).Select(pattern => pattern.Names);
        Regex[] patterns = [.. ofRules.Concat(constraint.Some.Select(some => some.Names)).Distinct()];
        List<(Regex Names, Regex[] Matched)> parts = [(regexes.Not(regexes.Words(named)), [])];
        foreach (Regex pattern in patterns)
        {
            List<(Regex Names, Regex[] Matched)> finer = [];
            foreach ((Regex names, Regex[] matched) in parts)
            {
                Regex inside = regexes.And(names, pattern), outside = regexes.And(names, regexes.Not(pattern));
                if (!regexes.IsNothing(inside)) finer.Add((inside, [.. matched, pattern]));
                if (!regexes.IsNothing(outside)) finer.Add((outside, matched));
            }

            parts = finer;
            if (parts.Count > Most) throw new GrammarException("", "is too complex: the patterns of 'patternProperties' overlap in too many ways.");
        }

        return [.. parts
            .Select(part => new FreeNames(part.Names, Value(constraint, part.Matched, formulas), Mask(constraint, part.Matched)))
            .Where(part => part.Value != formulas.False)
            .GroupBy(part => (part.Value, part.Some))
            .Select(group => group.First() with { Names = regexes.Or([.. group.Select(part => part.Names)]) })];
    }

    private static Formula Value(ObjectConstraint constraint, Regex[] matched, FormulaStore formulas) => formulas.All(constraint.Rules.SelectMany(rule =>
    {
        Formula[] values = [.. rule.Patterns.Where(pattern => matched.Contains(pattern.Names)).Select(pattern => pattern.Value)];
        return values.Length > 0 ? values : [rule.Additional];
    }));

    private static int Mask(ObjectConstraint constraint, Regex[] matched) =>
        constraint.Some.Index().Where(some => matched.Contains(some.Item.Names)).Sum(some => 1 << some.Index);
}
