namespace Gemma2.Backend.Text.Jinja;

/// <summary>Jinja's tests: what stands behind <c>is</c>.</summary>
internal static class JinjaTests
{
    private static readonly Dictionary<string, Func<object?, JinjaCall, bool>> Known = new(StringComparer.Ordinal)
    {
        ["defined"] = (value, _) => value is not JinjaUndefined,
        ["undefined"] = (value, _) => value is JinjaUndefined,
        ["none"] = (value, _) => value is null,
        ["boolean"] = (value, _) => value is bool,
        ["true"] = (value, _) => value is true,
        ["false"] = (value, _) => value is false,
        ["integer"] = (value, _) => value is long,
        ["float"] = (value, _) => value is double,
        ["number"] = (value, _) => Python.IsNumber(value),
        ["string"] = (value, _) => value is JinjaText,
        ["mapping"] = (value, _) => value is JinjaMap,
        ["sequence"] = (value, _) => value is JinjaText or JinjaList or JinjaMap or JinjaUndefined,
        ["iterable"] = (value, _) => value is JinjaText or JinjaList or JinjaMap or JinjaUndefined,
        ["callable"] = (value, _) => value is JinjaFunction,
        ["even"] = (value, call) => Whole(value, call) % 2 == 0,
        ["odd"] = (value, call) => Whole(value, call) % 2 != 0,
        ["divisibleby"] = (value, call) => call.Integer(0, "num", 0) is not 0 and var number ? Whole(value, call) % number == 0 : throw call.Error("division by zero"),
        ["lower"] = (value, call) => IsLower(Python.ToText(value, call.Run).Value),
        ["upper"] = (value, call) => IsUpper(Python.ToText(value, call.Run).Value),
        ["in"] = (value, call) => JinjaOperators.Compare("in", value, call.Need(0, "seq"), call.Run, call.Line),
        ["sameas"] = (value, call) => ReferenceEquals(value, call.Need(0, "other")) || (value is bool or long && Equals(value, call.Get(0, "other"))),
        ["eq"] = Comparison("=="),
        ["equalto"] = Comparison("=="),
        ["=="] = Comparison("=="),
        ["ne"] = Comparison("!="),
        ["!="] = Comparison("!="),
        ["lt"] = Comparison("<"),
        ["lessthan"] = Comparison("<"),
        ["<"] = Comparison("<"),
        ["le"] = Comparison("<="),
        ["<="] = Comparison("<="),
        ["gt"] = Comparison(">"),
        ["greaterthan"] = Comparison(">"),
        [">"] = Comparison(">"),
        ["ge"] = Comparison(">="),
        [">="] = Comparison(">="),
    };

    /// <summary>A test by its name; null where it is not known.</summary>
    public static Func<object?, JinjaCall, bool>? Find(string name) => Known.GetValueOrDefault(name);

    /// <summary>Whether a text has letters, and no small ones.</summary>
    public static bool IsUpper(string text) => text.Any(char.IsUpper) && !text.Any(char.IsLower);

    /// <summary>Whether a text has letters, and no capital ones.</summary>
    public static bool IsLower(string text) => text.Any(char.IsLower) && !text.Any(char.IsUpper);

    private static Func<object?, JinjaCall, bool> Comparison(string signs) => (value, call) => JinjaOperators.Compare(signs, value, call.Need(0, "other"), call.Run, call.Line);

    private static long Whole(object? value, JinjaCall call) =>
        Python.TryInteger(value, out long number) ? number : throw call.Error($"the test {call.Name} does not take a {Python.TypeOf(value)}");
}
