using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Json;

/// <summary>Sets of null, true or false: there is nothing to tell but whether the one value is in it.</summary>
internal sealed class ConstantAlgebra(JsonKinds kind) : IKindAlgebra<object>
{
    private static readonly object Value = new(), Nothing = new();

    /// <inheritdoc/>
    public JsonKinds Kind => kind;

    /// <inheritdoc/>
    public object All => Value;

    /// <inheritdoc/>
    public object None => Nothing;

    /// <inheritdoc/>
    public bool IsNone(object set) => set == Nothing;

    /// <inheritdoc/>
    public object And(object left, object right) => IsNone(left) ? left : right;

    /// <inheritdoc/>
    public object Or(object left, object right) => IsNone(left) ? right : left;

    /// <inheritdoc/>
    public object? Keyword(Formula keyword, bool holds) => null;
}

/// <summary>A set of strings or numbers, as an expression.</summary>
internal sealed record ScalarSet(Regex Regex);

/// <summary>Sets of strings or of numbers, as expressions: the strings' values, the numbers' texts.</summary>
internal abstract class ScalarAlgebra(RegexStore regexes, JsonKinds kind, Regex all) : IKindAlgebra<ScalarSet>
{
    /// <inheritdoc/>
    public JsonKinds Kind => kind;

    /// <inheritdoc/>
    public ScalarSet All { get; } = new(all);

    /// <inheritdoc/>
    public ScalarSet None { get; } = new(regexes.Nothing);

    /// <summary>Where the expressions are kept.</summary>
    protected RegexStore Regexes => regexes;

    /// <inheritdoc/>
    public bool IsNone(ScalarSet set) => set == None;

    /// <inheritdoc/>
    public ScalarSet And(ScalarSet left, ScalarSet right) => left == All ? right : right == All ? left : new(regexes.And(left.Regex, right.Regex));

    /// <inheritdoc/>
    public ScalarSet Or(ScalarSet left, ScalarSet right) => left == All || right == All ? All : new(regexes.Or(left.Regex, right.Regex));

    /// <inheritdoc/>
    public abstract ScalarSet? Keyword(Formula keyword, bool holds);
}

/// <summary>Sets of strings by their value.</summary>
internal sealed class TextAlgebra(RegexStore regexes) : ScalarAlgebra(regexes, JsonKinds.Text, regexes.AnyText)
{
    /// <inheritdoc/>
    public override ScalarSet? Keyword(Formula keyword, bool holds) => keyword is Formula.Text text ? new(holds ? text.Content : Regexes.Not(text.Content)) : null;
}

/// <summary>Sets of numbers by the texts that write them.</summary>
internal sealed class NumberAlgebra(RegexStore regexes, NumberTexts texts) : ScalarAlgebra(regexes, JsonKinds.Number, texts.Any)
{
    /// <inheritdoc/>
    public override ScalarSet? Keyword(Formula keyword, bool holds) => keyword is Formula.Number number ? new(holds ? number.Set.Inside : number.Set.Outside) : null;
}
