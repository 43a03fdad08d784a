using System.Runtime.CompilerServices;
using System.Text;
using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Json;

/// <summary>Works out which values formulas hold for, kind by kind, each once.</summary>
internal sealed class ShapeStore
{
    // How deep values inside values are looked into to see that nothing fits.
    private const int MostLevels = 8;

    private readonly FormulaStore _formulas;
    private readonly SchemaReader _reader;
    private readonly Evaluator<object>[] _constants;
    private readonly Evaluator<ScalarSet> _number, _text;
    private readonly Evaluator<IReadOnlyList<ArrayConstraint>> _array;
    private readonly Evaluator<IReadOnlyList<ObjectConstraint>> _object;
    private readonly Dictionary<SchemaLocation, Formula> _read = [];
    private readonly Dictionary<Formula, bool> _empty = [];
    /// <summary>A store of shapes.</summary>
    /// <param name="reader">Reads schemas.</param>
    public ShapeStore(SchemaReader reader)
    {
        (_reader, _formulas) = (reader, reader.Formulas);
        _constants = [.. new[] { JsonKinds.Null, JsonKinds.True, JsonKinds.False }.Select(kind => new Evaluator<object>(new ConstantAlgebra(kind), this))];
        _number = new(new NumberAlgebra(Regexes, reader.Numbers), this);
        _text = new(new TextAlgebra(Regexes), this);
        _array = new(new ArrayAlgebra(_formulas, this), this);
        _object = new(new ObjectAlgebra(_formulas, this), this);
    }

    /// <summary>How deep in values inside values the work is: to look into a value anew is no loop.</summary>
    public int Level { get; private set; }

    private RegexStore Regexes => _formulas.Regexes;

    /// <summary>The values that a formula holds for.</summary>
    public ValueShape Shape(Formula formula)
    {
        JsonKinds constants = JsonKinds.None;
        JsonKinds[] kinds = [JsonKinds.Null, JsonKinds.True, JsonKinds.False];
        for (int i = 0; i < kinds.Length; i++)
        {
            if (_constants[i].MayHold(formula)) constants |= kinds[i];
        }

        return new(constants, _number.Evaluate(formula).Regex, _text.Evaluate(formula).Regex, _array.Evaluate(formula), _object.Evaluate(formula));
    }

    /// <summary>What the schema at a place says.</summary>
    public Formula Read(SchemaLocation place)
    {
        if (!_read.TryGetValue(place, out Formula? formula)) _read.Add(place, formula = _reader.Read(place));
        return formula;
    }

    /// <summary>Says by and, or and not that exactly one of some options holds: those that share no value need not be told apart.</summary>
    /// <param name="one">The options.</param>
    /// <param name="beside">What is said beside it, and holds too.</param>
    public Formula Spell(Formula.ExactlyOne one, IEnumerable<Formula> beside)
    {
        IReadOnlyList<Formula> options = one.Options;
        Formula context = _formulas.All(beside);
        List<Formula> exact = [];
        for (int i = 0; i < options.Count; i++)
        {
            List<Formula> parts = [options[i]];
            for (int other = 0; other < options.Count; other++)
            {
                if (other == i || IsPlainlyEmpty(_formulas.All(options[i], options[other])) || IsPlainlyEmpty(_formulas.All(context, options[i], options[other]))) continue;
                parts.Add(_formulas.Not(options[other]));
            }

            exact.Add(_formulas.All(parts));
        }

        return _formulas.Any(exact);
    }

    /// <summary>Whether a formula holds for nothing, as far as can be seen without going deep; what is not seen here is found out when nothing can be written.</summary>
    public bool IsPlainlyEmpty(Formula formula)
    {
        if (formula is Formula.Constant constant) return !constant.Holds;
        if (_empty.TryGetValue(formula, out bool known)) return known;
        if (Level >= MostLevels) return false;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        Regexes.Budget.Spend(5);
        Level++;
        // While it is worked out it counts as not empty: it may lie in itself.
        _empty[formula] = false;
        bool empty = !_constants.Any(kind => kind.MayHold(formula)) && Regexes.IsNothing(_text.Evaluate(formula).Regex) && Regexes.IsNothing(_number.Evaluate(formula).Regex)
            && !_array.MayHold(formula) && !_object.MayHold(formula);
        Level--;
        return _empty[formula] = empty;
    }

    /// <summary>What the member of a name must be.</summary>
    public Formula ValueOf(ValueList<MemberRules> rules, string name) => _formulas.All(rules.SelectMany(rule => ValuesOf(rule, name)));

    /// <summary>What the item at a place must be.</summary>
    public Formula ValueOf(ValueList<ItemRules> rules, int index) => _formulas.All(rules.Select(rule => rule[index]));

    /// <summary>The strings that a formula holds for.</summary>
    public Regex Names(Formula formula) => _text.Evaluate(formula).Regex;

    /// <summary>The strings that a formula does not hold for.</summary>
    public Regex OtherNames(Formula formula) => _text.Evaluate(formula, holds: false).Regex;

    /// <summary>The names that <c>additionalProperties</c> speaks of.</summary>
    public Regex AdditionalNames(MemberRules rules) =>
        Regexes.Not(Regexes.Or([Regexes.Words([.. rules.Named.Select(member => member.Key)]), .. rules.Patterns.Select(pattern => pattern.Names)]));

    /// <summary>Whether a name is among some.</summary>
    public bool Matches(Regex names, string name) => Regexes.IsNullable(Encoding.UTF8.GetBytes(name).Aggregate(names, Regexes.Derive));

    private IEnumerable<Formula> ValuesOf(MemberRules rules, string name)
    {
        Formula? named = rules[name];
        if (named is not null) yield return named;
        bool matched = false;
        foreach ((Regex names, Formula value) in rules.Patterns)
        {
            if (!Matches(names, name)) continue;
            matched = true;
            yield return value;
        }

        if (named is null && !matched) yield return rules.Additional;
    }
}
