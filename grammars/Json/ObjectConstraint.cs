using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Json;

/// <summary>Objects of which all of this holds.</summary>
/// <param name="Rules">What each member must be.</param>
/// <param name="Required">Names of members that it must have.</param>
/// <param name="Min">How many members it has at least.</param>
/// <param name="Max">How many at most; null for any number.</param>
/// <param name="Some">For each: it has a member of these names whose value is this.</param>
internal sealed record ObjectConstraint(
    ValueList<MemberRules> Rules, ValueList<string> Required, int Min, int? Max, ValueList<SomeMember> Some)
{
    /// <summary>Any object.</summary>
    public static ObjectConstraint Any { get; } = new([], [], 0, null, []);

    /// <summary>What holds of both.</summary>
    public ObjectConstraint And(ObjectConstraint other) => new(
        Join(Rules, other.Rules), Join(Required, other.Required), Math.Max(Min, other.Min), Max is null || other.Max < Max ? other.Max : Max, Join(Some, other.Some));

    private static ValueList<T> Join<T>(ValueList<T> left, ValueList<T> right)
        where T : IEquatable<T> => left.Count == 0 ? right : right.Count == 0 ? left : new(left.Union(right));
}

/// <summary>A member that an object must have.</summary>
/// <param name="Names">Its name is one of these.</param>
/// <param name="Value">What its value is.</param>
internal sealed record SomeMember(Regex Names, Formula Value);
