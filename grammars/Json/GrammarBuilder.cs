using Gemma2.Grammars.Regexes;
using Gemma2.Grammars.Syntax;

namespace Gemma2.Grammars.Json;

/// <summary>Builds the nodes of formulas: a rule for each formula with lists or objects in it, so that schemas may lie in themselves.</summary>
internal sealed class GrammarBuilder
{
    // Each way to fulfil some of these is a member or an item of its own.
    private const int MostSome = 4, MostCounters = 4;

    private readonly GrammarStore _store;
    private readonly RegexStore _regexes;
    private readonly FormulaStore _formulas;
    private readonly ShapeStore _shapes;
    private readonly FiniteValues _finite;
    private readonly JsonSyntax _syntax;
    private readonly Dictionary<Formula, GrammarNode> _nodes = [];
    private readonly Queue<(GrammarRule Rule, Formula Formula, ValueShape Shape)> _open = new();

    /// <summary>Builds into a store.</summary>
    public GrammarBuilder(GrammarStore store, SchemaReader reader)
    {
        (_store, _regexes, _formulas, _shapes) = (store, store.Regexes, reader.Formulas, new(reader));
        (_finite, _syntax) = (new(_formulas, _shapes, reader.Numbers), new(_regexes));
    }

    /// <summary>The texts of all values that a formula holds for.</summary>
    public GrammarNode Build(Formula formula)
    {
        GrammarNode node = Node(formula);
        while (_open.TryDequeue(out (GrammarRule Rule, Formula Formula, ValueShape Shape) next))
        {
            try
            {
                next.Rule.Body = Body(next.Shape);
            }
            catch (GrammarException error) when (error.Path.Length == 0 && next.Formula is Formula.At at)
            {
                throw at.Place.Error(error.Message);
            }
        }

        return node;
    }

    private GrammarNode Node(Formula formula)
    {
        if (_nodes.TryGetValue(formula, out GrammarNode? node)) return node;
        ValueShape shape = _shapes.Shape(formula);
        if (shape.Arrays.Count == 0 && shape.Objects.Count == 0)
        {
            node = _store.Terminal(Scalars(shape));
        }
        else
        {
            GrammarRule rule = _store.NewRule(formula is Formula.At at ? at.Place.Name : "");
            _open.Enqueue((rule, formula, shape));
            node = rule;
        }

        _nodes.Add(formula, node);
        return node;
    }

    private GrammarNode Body(ValueShape shape) => _store.Choice(
    [
        _store.Terminal(Scalars(shape)),
        .. shape.Arrays.Select(Array),
        .. shape.Objects.SelectMany(SplitSome).Select(Object),
    ]);

    private Regex Scalars(ValueShape shape) => _regexes.Or(_syntax.Constants(shape.Constants), shape.Number, _syntax.Text(shape.Text));

    /// <summary>A member that there must be is one of those that are named, or another: so many alternatives.</summary>
    private IEnumerable<ObjectConstraint> SplitSome(ObjectConstraint constraint)
    {
        List<ObjectConstraint> alternatives = [constraint with { Some = [] }];
        string[] named = Names(constraint);
        foreach (SomeMember some in constraint.Some)
        {
            string[] among = [.. named.Where(name => _shapes.Matches(some.Names, name))];
            alternatives = [.. alternatives.SelectMany(alternative =>
                among.Select(name => alternative with { Rules = new([.. alternative.Rules, new([new(name, some.Value)], [], _formulas.True)]), Required = new([.. alternative.Required.Append(name).Distinct()]) })
                    .Append(alternative with { Some = [.. alternative.Some, some] }))];
        }

        return alternatives;
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

    private GrammarNode Array(ArrayConstraint constraint)
    {
        if (constraint.Counters.Count > MostCounters) throw new GrammarException("", "is too complex: too many keywords count the items of one list.");
        int places = constraint.Rules.Select(rule => rule.Prefix.Count).Concat(constraint.Counters.Select(counter => counter.From)).DefaultIfEmpty(0).Max();
        if (constraint.Max is int max) places = Math.Min(places, max);
        List<(Formula Value, ulong Counts)>[] items = [.. Enumerable.Range(0, places + 1).Select(index => Items(constraint, index).ToList())];
        List<Counter> counters = [.. constraint.Counters];
        if (constraint.Unique is { } unique && !(constraint.Max <= 1)) Distinguish(items, counters, unique);
        if (counters.Count > constraint.Counters.Count && constraint.Min > counters.Count - constraint.Counters.Count) return _store.Nothing;
        ArrayItem[][] nodes = [.. items.Select(place => place.Select(item => new ArrayItem(Node(item.Value), item.Counts)).ToArray())];
        return new ArrayShape(_syntax, nodes, counters, constraint.Min, constraint.Max).ToNode(_store);
    }

    // Counters without a limit need not be told of every item that they could count.
    private IEnumerable<(Formula Value, ulong Counts)> Items(ArrayConstraint constraint, int index)
    {
        Formula any = _shapes.ValueOf(constraint.Rules, index);
        for (uint counts = 0; counts < 1 << constraint.Counters.Count; counts++)
        {
            List<Formula> parts = [any];
            bool possible = true;
            for (int i = 0; i < constraint.Counters.Count; i++)
            {
                Counter counter = constraint.Counters[i];
                bool counted = (counts >> i & 1) != 0;
                possible &= !counted || index >= counter.From;
                if (counted) parts.Add(counter.Value);
                else if (counter.Max is not null && index >= counter.From) parts.Add(_formulas.Not(counter.Value));
            }

            Formula value = _formulas.All(parts);
            if (possible && !_shapes.IsPlainlyEmpty(value)) yield return (value, counts);
        }
    }

    /// <summary>Where items are few values, each value is counted, and comes once at most.</summary>
    private void Distinguish(List<(Formula Value, ulong Counts)>[] places, List<Counter> counters, SchemaLocation unique)
    {
        List<Formula> values = [];
        for (int place = 0; place < places.Length; place++)
        {
            List<(Formula Value, ulong Counts)> single = [];
            foreach ((Formula item, ulong counts) in places[place])
            {
                IReadOnlyList<Formula> few = _finite.Of(item) ?? throw unique.Error($"'uniqueItems' is supported where items are at most {FiniteValues.Most} values, as of an enum, or 'maxItems' is 1.");
                values.AddRange(few.Except(values));
                single.AddRange(few.Select(value => (_formulas.All(item, value), counts | 1UL << (counters.Count + values.IndexOf(value)))));
            }

            places[place] = single;
            if (values.Count > FiniteValues.Most) throw unique.Error($"'uniqueItems' is supported where items are at most {FiniteValues.Most} values, as of an enum, or 'maxItems' is 1.");
        }

        counters.AddRange(values.Select(value => new Counter(value, 0, 0, 1)));
    }
}
