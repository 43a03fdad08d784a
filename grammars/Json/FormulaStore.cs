using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Json;

/// <summary>Makes formulas, each once.</summary>
/// <param name="regexes">Where their expressions are kept.</param>
internal sealed class FormulaStore(RegexStore regexes)
{
    private const int Most = 200_000;

    private readonly Dictionary<Key, Formula> _interned = [];
    private int _count;

    /// <summary>Where their expressions are kept.</summary>
    public RegexStore Regexes => regexes;

    /// <summary>Holds for every value.</summary>
    public Formula True => Constant(true);

    /// <summary>Holds for no value.</summary>
    public Formula False => Constant(false);

    /// <summary>All values or none.</summary>
    public Formula Constant(bool holds) => Intern(new(typeof(Formula.Constant), holds), id => new Formula.Constant(id, holds));

    /// <summary>What all of some say.</summary>
    public Formula All(params IEnumerable<Formula> parts) =>
        Join(parts.SelectMany(part => part is Formula.All all ? all.Parts : [part]), True, False, typeof(Formula.All), (id, operands) => new Formula.All(id, operands));

    /// <summary>What any of some says.</summary>
    public Formula Any(params IEnumerable<Formula> options) =>
        Join(options.SelectMany(option => option is Formula.Any any ? any.Options : [option]), False, True, typeof(Formula.Any), (id, operands) => new Formula.Any(id, operands));

    /// <summary>What exactly one of some says.</summary>
    public Formula ExactlyOne(IReadOnlyList<Formula> options) => options.Count switch
    {
        0 => False,
        1 => options[0],
        _ => Intern(new(typeof(Formula.ExactlyOne), Ids(options)), id => new Formula.ExactlyOne(id, options)),
    };

    /// <summary>All values but some.</summary>
    public Formula Not(Formula inner) => inner switch
    {
        Formula.Constant constant => Constant(!constant.Holds),
        Formula.Not not => not.Inner,
        _ => Intern(new(typeof(Formula.Not), inner.Id), id => new Formula.Not(id, inner)),
    };

    /// <summary>What the schema at a place says.</summary>
    public Formula At(SchemaLocation place) => Intern(new(typeof(Formula.At), place), id => new Formula.At(id, place));

    /// <summary>Values of some kinds.</summary>
    public Formula Kinds(JsonKinds kinds) => kinds == JsonKinds.None ? False : Intern(new(typeof(Formula.Kinds), kinds), id => new Formula.Kinds(id, kinds));

    /// <summary>Strings by their value.</summary>
    public Formula Text(Regex content) => content == regexes.AnyText ? True : Intern(new(typeof(Formula.Text), content), id => new Formula.Text(id, content));

    /// <summary>Numbers by how they are written.</summary>
    public Formula Number(NumberSet set) => Intern(new(typeof(Formula.Number), set), id => new Formula.Number(id, set));

    /// <summary>Objects by the values of their members.</summary>
    public Formula Members(MemberRules rules)
    {
        if (rules.Additional == True && rules.Named.All(member => member.Value == True) && rules.Patterns.All(pattern => pattern.Value == True)) return True;
        IEnumerable<int> patterns = rules.Patterns.SelectMany(pattern => new[] { pattern.Names.Id, pattern.Value.Id });
        ValueList<int> ids = [.. patterns, rules.Additional.Id, .. rules.Named.Select(member => member.Value.Id)];
        ValueList<string> names = [.. rules.Named.Select(member => member.Key)];
        return Intern(new(typeof(Formula.Members), (ids, names)), id => new Formula.Members(id, rules));
    }

    /// <summary>Objects by the names of their members.</summary>
    public Formula MemberNames(Formula name) => name == True ? True : Intern(new(typeof(Formula.MemberNames), name.Id), id => new Formula.MemberNames(id, name));

    /// <summary>Objects with members of some names.</summary>
    public Formula Required(params IEnumerable<string> names)
    {
        ValueList<string> distinct = [.. names.Distinct(StringComparer.Ordinal)];
        return distinct.Count == 0 ? True : Intern(new(typeof(Formula.Required), distinct), id => new Formula.Required(id, distinct));
    }

    /// <summary>Objects by how many members they have; no most means any number.</summary>
    public Formula MemberCount(int min, int? max) => Intern(new(typeof(Formula.MemberCount), (min, max)), id => new Formula.MemberCount(id, min, max));

    /// <summary>Lists by the values of their items.</summary>
    public Formula Items(ItemRules rules)
    {
        if (rules.Rest == True && rules.Prefix.All(item => item == True)) return True;
        return Intern(new(typeof(Formula.Items), Ids([.. rules.Prefix, rules.Rest])), id => new Formula.Items(id, rules));
    }

    /// <summary>Lists by how many items they have; no most means any number.</summary>
    public Formula ItemCount(int min, int? max) => Intern(new(typeof(Formula.ItemCount), (min, max)), id => new Formula.ItemCount(id, min, max));

    /// <summary>Lists by how many of their items a formula holds for.</summary>
    public Formula Contains(Counter counter) => Intern(new(typeof(Formula.Contains), counter), id => new Formula.Contains(id, counter));

    /// <summary>Lists without two equal items.</summary>
    public Formula Unique(SchemaLocation place) => Intern(new(typeof(Formula.Unique), place), id => new Formula.Unique(id, place));

    private static ValueList<int> Ids(IReadOnlyList<Formula> formulas) => [.. formulas.Select(formula => formula.Id)];

    /// <summary>"And" and "or" are alike but for true and false.</summary>
    /// <param name="operands">What is joined, in any order.</param>
    /// <param name="neutral">What changes nothing beside others.</param>
    /// <param name="decisive">What decides whatever is beside it, as an operand and its contrary do together.</param>
    /// <param name="type">Which of the two it is.</param>
    /// <param name="create">Makes it, of two operands or more in the order of their ids.</param>
    private Formula Join(IEnumerable<Formula> operands, Formula neutral, Formula decisive, Type type, Func<int, IReadOnlyList<Formula>, Formula> create)
    {
        SortedDictionary<int, Formula> kept = [];
        foreach (Formula operand in operands)
        {
            if (operand == decisive) return decisive;
            if (operand != neutral) kept[operand.Id] = operand;
        }

        if (kept.Values.Any(operand => operand is Formula.Not not && kept.ContainsKey(not.Inner.Id))) return decisive;
        if (kept.Count <= 1) return kept.Count == 0 ? neutral : kept.Values.First();
        Formula[] list = [.. kept.Values];
        return Intern(new(type, Ids(list)), id => create(id, list));
    }

    private Formula Intern(Key key, Func<int, Formula> create)
    {
        if (_interned.TryGetValue(key, out Formula? known)) return known;
        if (_count == Most) throw new GrammarException("", "is too complex: its parts combine to too many; use fewer of allOf, oneOf and not.");
        Formula made = create(_count++);
        _interned.Add(key, made);
        return made;
    }

    private readonly record struct Key(Type Type, object Content);
}
