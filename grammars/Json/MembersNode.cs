using System.Numerics;
using Gemma2.Grammars.Regexes;
using Gemma2.Grammars.Syntax;

namespace Gemma2.Grammars.Json;

/// <summary>Where among the members of an object a text is.</summary>
internal enum MembersPlace
{
    /// <summary>Behind the brace.</summary>
    First,

    /// <summary>Behind a member.</summary>
    After,

    /// <summary>Behind a comma.</summary>
    Next,
}

/// <summary>What is left to write of an object.</summary>
/// <param name="Shape">The object.</param>
/// <param name="Left">The named members that have not come.</param>
/// <param name="Count">How many members have come, as far as that is counted.</param>
/// <param name="Some">What some member must still be, a bit each.</param>
/// <param name="Place">Where the text is.</param>
internal readonly record struct MembersState(ObjectShape Shape, NameSet Left, int Count, int Some, MembersPlace Place);

/// <summary>The rest of an object: any member that has not come, in any order, or the brace. Which have come is all that it remembers.</summary>
internal sealed class MembersNode(GrammarStore store, MembersState state) : GrammarNode(store)
{
    private readonly ObjectShape _shape = state.Shape;

    /// <summary>The node of a state.</summary>
    public static GrammarNode Of(GrammarStore store, MembersState state) => store.Intern(state, state => new MembersNode(store, state));

    /// <inheritdoc/>
    protected override bool FindNullable() => false;

    /// <inheritdoc/>
    protected override bool FindProductive()
    {
        int required = 0, left = 0;
        for (int i = 0; i < _shape.Named.Count; i++)
        {
            if (!state.Left.Contains(i)) continue;
            NamedMember member = _shape.Named[i];
            if (member.IsRequired) required++;
            if (member.Value.IsProductive) left++;
            else if (member.IsRequired) return false;
        }

        if (MembersForSome() is not int some) return false;
        int least = state.Count + required + some;
        bool enough = least >= _shape.Min || state.Count + left + some >= _shape.Min || _shape.Free.Any(member => member.Value.IsProductive);
        return least <= (_shape.Max ?? int.MaxValue) && enough && (state.Place != MembersPlace.Next || CanGoOn(required + left + some));
    }

    /// <inheritdoc/>
    protected override IEnumerable<Arm> Expand()
    {
        if (state.Place == MembersPlace.After)
        {
            yield return new(_shape.Syntax.Comma, Of(Store, state with { Place = MembersPlace.Next }));
        }
        else
        {
            foreach (Arm arm in Members()) yield return arm;
        }

        if (state.Place != MembersPlace.Next && MayClose()) yield return new(_shape.Syntax.CloseObject, Store.Empty);
    }

    private IEnumerable<Arm> Members()
    {
        if (state.Count >= _shape.Max) yield break;
        MembersState after = state with { Count = Math.Min(state.Count + 1, _shape.MostCounted), Place = MembersPlace.After };
        for (int i = 0; i < _shape.Named.Count; i++)
        {
            if (state.Left.Contains(i)) yield return Member(_shape.Named[i].Name, _shape.Named[i].Value, after with { Left = state.Left.Without(i) });
        }

        foreach (FreeMember member in _shape.Free.Where(member => (member.Fulfils & ~state.Some) == 0))
            yield return Member(member.Name, member.Value, after with { Some = state.Some & ~member.Fulfils });
    }

    private Arm Member(Regex name, GrammarNode value, MembersState after) => new(name, Store.Sequence(value, Of(Store, after)));

    private bool MayClose()
    {
        if (state.Some != 0 || state.Count < _shape.Min) return false;
        for (int i = 0; i < _shape.Named.Count; i++)
        {
            if (_shape.Named[i].IsRequired && state.Left.Contains(i)) return false;
        }

        return true;
    }

    private bool CanGoOn(int known) => (known > 0 || _shape.Free.Any(member => member.Value.IsProductive)) && !(state.Count >= _shape.Max);

    /// <summary>How many members it takes at least to be all that some must be; null where they cannot.</summary>
    private int? MembersForSome()
    {
        if (state.Some == 0) return 0;
        int[] masks = [.. _shape.Free.Where(member => member.Value.IsProductive).Select(member => member.Fulfils & state.Some).Distinct()];
        HashSet<int> reached = [0];
        for (int members = 1; members <= BitOperations.PopCount((uint)state.Some); members++)
        {
            reached = [.. reached.SelectMany(mask => masks.Select(more => mask | more))];
            if (reached.Contains(state.Some)) return members;
        }

        return null;
    }
}
