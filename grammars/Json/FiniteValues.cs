using System.Text;
using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Json;

/// <summary>Lists the values that a formula holds for where they are few, so that each can be told from the others.</summary>
/// <param name="formulas">Makes formulas of values.</param>
/// <param name="shapes">Knows which values formulas hold for.</param>
/// <param name="numbers">Makes expressions of numbers.</param>
internal sealed class FiniteValues(FormulaStore formulas, ShapeStore shapes, NumberTexts numbers)
{
    /// <summary>How many values are few.</summary>
    public const int Most = 48;

    private const int LongestText = 200;

    /// <summary>The values, a formula each; null where there are many, or lists or objects among them.</summary>
    public IReadOnlyList<Formula>? Of(Formula formula)
    {
        ValueShape shape = shapes.Shape(formula);
        if (shape.Arrays.Count > 0 || shape.Objects.Count > 0 || Texts(shape.Text) is not { } texts || Numbers(shape.Number) is not { } values) return null;
        IEnumerable<Formula> constants = new[] { JsonKinds.Null, JsonKinds.True, JsonKinds.False }.Where(kind => shape.Constants.HasFlag(kind)).Select(formulas.Kinds);
        return
        [
            .. constants,
            .. texts.Select(text => formulas.All(formulas.Kinds(JsonKinds.Text), formulas.Text(formulas.Regexes.Literal(text)))),
            .. values.Select(value => formulas.All(formulas.Kinds(JsonKinds.Number), formulas.Number(numbers.OneOf([value])))),
        ];
    }

    // Of all ways to write a number one is looked for; the numbers are known when these are all ways to write them.
    private DecimalNumber[]? Numbers(Regex texts)
    {
        RegexStore regexes = formulas.Regexes;
        if (Texts(regexes.And(texts, numbers.Shortest)) is not { } shortest) return null;
        DecimalNumber[] values = [.. shortest.Select(text => DecimalNumber.Parse(text)!)];
        bool areAll = values.Length == 0 ? regexes.IsNothing(texts) : regexes.IsNothing(regexes.And(texts, numbers.OneOf(values).Outside));
        return areAll ? values : null;
    }

    private List<string>? Texts(Regex regex)
    {
        RegexStore regexes = formulas.Regexes;
        List<string> texts = [];
        Stack<(Regex Left, byte[] Text)> left = new([(regex, [])]);
        while (left.TryPop(out (Regex Left, byte[] Text) at))
        {
            if (regexes.IsNothing(at.Left)) continue;
            if (regexes.IsNullable(at.Left)) texts.Add(Encoding.UTF8.GetString(at.Text));
            if (texts.Count + left.Count > Most || at.Text.Length > LongestText) return null;
            ByteClasses classes = regexes.Classes(at.Left);
            Regex[] next = [.. classes.Examples.Select(example => regexes.Derive(at.Left, example))];
            for (int value = 0; value < 256; value++)
            {
                if (next[classes.Map[value]] != regexes.Nothing) left.Push((next[classes.Map[value]], [.. at.Text, (byte)value]));
            }
        }

        return texts;
    }
}
