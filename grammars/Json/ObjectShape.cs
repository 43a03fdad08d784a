using Gemma2.Grammars.Regexes;
using Gemma2.Grammars.Syntax;

namespace Gemma2.Grammars.Json;

/// <summary>A member that comes at most once.</summary>
/// <param name="Name">What stands before its value.</param>
/// <param name="Value">Its value.</param>
/// <param name="IsRequired">Whether it must come.</param>
internal sealed record NamedMember(Regex Name, GrammarNode Value, bool IsRequired);

/// <summary>Members whose names are not told one by one.</summary>
/// <param name="Name">What stands before the value.</param>
/// <param name="Value">The value.</param>
/// <param name="Fulfils">Which of what some member must be this one is, a bit each.</param>
internal sealed record FreeMember(Regex Name, GrammarNode Value, int Fulfils);

/// <summary>An object as it is written: its members come in any order.</summary>
/// <param name="syntax">JSON's own characters.</param>
/// <param name="named">Members that come at most once.</param>
/// <param name="free">Members that come any number of times.</param>
/// <param name="min">How many members there are at least.</param>
/// <param name="max">How many at most; null for any number.</param>
/// <param name="some">How many things some member must be.</param>
internal sealed class ObjectShape(JsonSyntax syntax, IReadOnlyList<NamedMember> named, IReadOnlyList<FreeMember> free, int min, int? max, int some)
{
    /// <summary>JSON's own characters.</summary>
    public JsonSyntax Syntax => syntax;

    /// <summary>Members that come at most once.</summary>
    public IReadOnlyList<NamedMember> Named => named;

    /// <summary>Members that come any number of times.</summary>
    public IReadOnlyList<FreeMember> Free => free;

    /// <summary>How many members there are at least.</summary>
    public int Min => min;

    /// <summary>How many at most; null for any number.</summary>
    public int? Max => max;

    /// <summary>What some member must be, a bit each.</summary>
    public int Some { get; } = (1 << some) - 1;

    /// <summary>Members are counted up to here: beyond it their number says nothing.</summary>
    public int MostCounted => max ?? min;

    /// <summary>The object, from brace to brace.</summary>
    public GrammarNode ToNode(GrammarStore store) =>
        store.Sequence(store.Terminal(syntax.OpenObject), MembersNode.Of(store, new(this, NameSet.First(named.Count), 0, Some, MembersPlace.First)));
}
