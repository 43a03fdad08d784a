using System.Globalization;

namespace Gemma2.Backend.Text.Jinja;

/// <summary>Jinja's filters: what stands behind <c>|</c>.</summary>
internal static class JinjaFilters
{
    private static readonly Dictionary<string, Func<object?, JinjaCall, object?>> Known = new(StringComparer.Ordinal)
    {
        ["abs"] = (value, call) => Python.TryInteger(value, out long whole) ? JinjaOperators.Combine("*", whole, whole < 0 ? -1L : 1L, call.Run, call.Line) : Math.Abs(Number(value, call)),
        ["attr"] = (value, call) => JinjaMembers.Find(value, call.Text(0, "name"), isAttribute: true),
        ["capitalize"] = Letters(TextMethods.Capitalize),
        ["count"] = (value, call) => Length(value, call),
        ["d"] = Default,
        ["default"] = Default,
        ["dictsort"] = (value, call) => new JinjaList([.. CollectionMethods.Items(Map(value, call), call.Run).Items.OrderBy(entry => ((JinjaList)entry!).Items[0], Order(call))]),
        ["e"] = Escape,
        ["escape"] = Escape,
        ["first"] = (value, call) => Elements(value, call) is [var first, ..] ? first : new JinjaUndefined("there is no first element"),
        ["float"] = (value, call) => TryFloat(value, out double number) ? number : call.Get(0, "default", 0.0),
        ["indent"] = Indent,
        ["int"] = (value, call) => ToInteger(value) ?? call.Get(0, "default", 0L),
        ["items"] = (value, call) => value is JinjaUndefined ? new JinjaList([]) : CollectionMethods.Items(Map(value, call), call.Run),
        ["join"] = Join,
        ["last"] = (value, call) => Elements(value, call) is [.., var last] ? last : new JinjaUndefined("there is no last element"),
        ["length"] = (value, call) => Length(value, call),
        ["list"] = (value, call) => new JinjaList(Elements(value, call)),
        ["lower"] = Letters(text => text.ToLowerInvariant()),
        ["map"] = MapAll,
        ["max"] = (value, call) => Elements(value, call) is { Count: > 0 } items ? items.Max(Order(call)) : new JinjaUndefined("there is no largest element"),
        ["min"] = (value, call) => Elements(value, call) is { Count: > 0 } items ? items.Min(Order(call)) : new JinjaUndefined("there is no smallest element"),
        ["reject"] = (value, call) => Select(value, call, byAttribute: false, wanted: false),
        ["rejectattr"] = (value, call) => Select(value, call, byAttribute: true, wanted: false),
        ["replace"] = (value, call) => TextMethods.Replace(Text(value, call), Python.ToText(call.Need(0, "old"), call.Run), Python.ToText(call.Need(1, "new"), call.Run), call.Integer(2, "count", -1), call.Run),
        ["reverse"] = (value, call) => value is JinjaText ? JinjaMembers.Slice(value, null, null, -1, call.Run) : new JinjaList([.. Elements(value, call).Reverse()]),
        ["round"] = (value, call) => value is long && !call.Has(1, "method") ? value : Round(value, call),
        ["safe"] = (value, call) => Text(value, call),
        ["select"] = (value, call) => Select(value, call, byAttribute: false, wanted: true),
        ["selectattr"] = (value, call) => Select(value, call, byAttribute: true, wanted: true),
        ["sort"] = Sort,
        ["string"] = (value, call) => Text(value, call),
        ["sum"] = Sum,
        ["title"] = Letters(TextMethods.Title),
        ["tojson"] = (value, call) => new PythonJson(call).Write(value is JinjaUndefined undefined ? throw call.Error(undefined.Why) : value),
        ["trim"] = (value, call) => TextMethods.Strip(Text(value, call), call.Get(0, "chars") is null ? null : call.Text(0, "chars").Value, true, true),
        ["unique"] = Unique,
        ["upper"] = Letters(text => text.ToUpperInvariant()),
        ["wordcount"] = (value, call) => (long)Text(value, call).Value.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length,
    };

    /// <summary>A filter by its name; null where it is not known.</summary>
    public static Func<object?, JinjaCall, object?>? Find(string name) => Known.GetValueOrDefault(name);

    /// <summary>What can be looped over: of a text its characters, of a mapping its keys.</summary>
    public static IReadOnlyList<object?> Elements(object? value, JinjaCall call)
    {
        if (value is JinjaText text) call.Run.Step(text.Value.Length);
        return value switch
        {
            JinjaList list => list.Items,
            JinjaMap map => [.. map.Entries.Select(entry => entry.Key)],
            JinjaText letters => [.. letters.Characters()],
            JinjaUndefined => [],
            _ => throw call.Error($"a {Python.TypeOf(value)} has no elements"),
        };
    }

    private static JinjaText Text(object? value, JinjaCall call) => Python.ToText(value, call.Run);

    private static JinjaMap Map(object? value, JinjaCall call) => value as JinjaMap ?? throw call.Error($"the filter {call.Name} does not take a {Python.TypeOf(value)}");

    private static Func<object?, JinjaCall, object?> Letters(Func<string, string> map) => (value, call) => TextMethods.Map(Text(value, call), call, map);

    private static long Length(object? value, JinjaCall call) => value switch
    {
        JinjaText text => text.Length,
        JinjaList list => list.Items.Count,
        JinjaMap map => map.Entries.Count,
        JinjaUndefined => 0,
        _ => throw call.Error($"a {Python.TypeOf(value)} has no length"),
    };

    private static object? Default(object? value, JinjaCall call) =>
        value is JinjaUndefined || (call.Flag(1, "boolean", false) && !Python.IsTrue(value)) ? call.Get(0, "default_value", JinjaText.Empty) : value;

    private static JinjaText Escape(object? value, JinjaCall call)
    {
        JinjaText text = Text(value, call);
        (string, string)[] all = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("'", "&#39;"), ("\"", "&#34;")];
        foreach ((string sign, string name) in all) text = TextMethods.Replace(text, JinjaText.Of(sign), JinjaText.Of(name), -1, call.Run);
        return text;
    }

    private static JinjaText Join(object? value, JinjaCall call)
    {
        string? attribute = call.Has(1, "attribute") ? call.Text(1, "attribute").Value : null;
        IEnumerable<object?> items = Elements(value, call).Select(item => attribute is null ? item : Attribute(item, attribute));
        return TextMethods.Join(Python.ToText(call.Get(0, "d", JinjaText.Empty), call.Run), [.. items.Select(item => Text(item, call))], call);
    }

    private static JinjaText Indent(object? value, JinjaCall call)
    {
        JinjaText margin = call.Get(0, "width") as JinjaText ?? JinjaText.Of(new string(' ', Math.Clamp(call.Integer(0, "width", 4), 0, 1000)));
        (bool indentsFirst, bool indentsBlank) = (call.Flag(1, "first", false), call.Flag(2, "blank", false));
        JinjaText text = Text(value, call);
        var indented = new JinjaTextBuilder(call.Run);
        // A text that ends with a line break has an empty last line here.
        List<JinjaText> lines = [.. TextMethods.Lines(text, call.Run)];
        if (lines.Count == 0 || text.Value[^1] is '\n' or '\r') lines.Add(JinjaText.Empty);
        for (int i = 0; i < lines.Count; i++)
        {
            if (i > 0) indented.Append("\n");
            if (i == 0 ? indentsFirst : indentsBlank || lines[i].Value.Length > 0) indented.Append(margin);
            indented.Append(lines[i]);
        }
        return indented.Build();
    }

    private static double Round(object? value, JinjaCall call)
    {
        double number = Number(value, call), scale = Math.Pow(10, Math.Clamp(call.Integer(0, "precision", 0), -15, 15));
        return call.Text(1, "method", "common").Value switch
        {
            "common" => Math.Round(number * scale, MidpointRounding.ToEven) / scale,
            "ceil" => Math.Ceiling(number * scale) / scale,
            "floor" => Math.Floor(number * scale) / scale,
            _ => throw call.Error("the method of round is common, ceil or floor"),
        };
    }

    private static double Number(object? value, JinjaCall call) => Python.IsNumber(value) ? Python.ToDouble(value) : throw call.Error($"the filter {call.Name} does not take a {Python.TypeOf(value)}");

    private static bool TryFloat(object? value, out double number)
    {
        number = Python.IsNumber(value) ? Python.ToDouble(value) : 0;
        return Python.IsNumber(value)
            || (value is JinjaText text && double.TryParse(text.Value.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out number));
    }

    private static object? ToInteger(object? value) => value switch
    {
        _ when Python.TryInteger(value, out long whole) => whole,
        JinjaText text when long.TryParse(text.Value.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole) => whole,
        _ when TryFloat(value, out double number) && Math.Abs(number) < 9e18 => (long)number,
        _ => null,
    };

    private static JinjaList MapAll(object? value, JinjaCall call)
    {
        IReadOnlyList<object?> items = Elements(value, call);
        call.Run.Step(items.Count);
        if (call.Named.ContainsKey("attribute"))
        {
            string attribute = call.Text(int.MaxValue, "attribute").Value;
            return new JinjaList([.. items.Select(item => Attribute(item, attribute) is var found && found is JinjaUndefined ? call.Get(int.MaxValue, "default", found) : found)]);
        }

        string name = call.Text(0, "filter").Value;
        Func<object?, JinjaCall, object?> filter = Find(name) ?? throw call.Error($"the filter {name} is not supported");
        JinjaCall each = call with { Name = name, Positional = [.. call.Positional.Skip(1)] };
        return new JinjaList([.. items.Select(item => filter(item, each))]);
    }

    private static JinjaList Select(object? value, JinjaCall call, bool byAttribute, bool wanted)
    {
        int skipped = byAttribute ? 1 : 0;
        string? attribute = byAttribute ? call.Text(0, "attribute").Value : null;
        string? name = call.Positional.Count > skipped ? call.Text(skipped, "test").Value : null;
        Func<object?, JinjaCall, bool> test = name is null ? (tested, _) => Python.IsTrue(tested) : JinjaTests.Find(name) ?? throw call.Error($"the test {name} is not supported");
        JinjaCall each = call with { Name = name ?? call.Name, Positional = [.. call.Positional.Skip(skipped + 1)] };
        IReadOnlyList<object?> items = Elements(value, call);
        call.Run.Step(items.Count);
        return new JinjaList([.. items.Where(item => test(attribute is null ? item : Attribute(item, attribute), each) == wanted)]);
    }

    private static JinjaList Sort(object? value, JinjaCall call)
    {
        call.Allow(3, "reverse", "case_sensitive", "attribute");
        string? attribute = call.Has(2, "attribute") ? call.Text(2, "attribute").Value : null;
        bool minds = call.Flag(1, "case_sensitive", false);
        IReadOnlyList<object?> items = Elements(value, call);
        IComparer<object?> order = Order(call);
        object? Key(object? item) => Fold(attribute is null ? item : Attribute(item, attribute), minds);
        return new JinjaList([.. call.Flag(0, "reverse", false) ? items.OrderByDescending(Key, order) : items.OrderBy(Key, order)]);
    }

    private static JinjaList Unique(object? value, JinjaCall call)
    {
        string? attribute = call.Has(1, "attribute") ? call.Text(1, "attribute").Value : null;
        bool minds = call.Flag(0, "case_sensitive", false);
        IReadOnlyList<object?> items = Elements(value, call);
        call.Run.Step(Python.WeightOf(value));
        return new JinjaList([.. items.DistinctBy(item => new PythonKey(Hashable(Fold(attribute is null ? item : Attribute(item, attribute), minds), call)))]);
    }

    private static object? Hashable(object? value, JinjaCall call) => value is JinjaList or JinjaMap ? throw call.Error($"the filter {call.Name} does not take lists of lists or mappings") : value;

    private static object? Fold(object? value, bool mindsCase) => value is JinjaText text && !mindsCase ? JinjaText.Of(text.Value.ToLowerInvariant()) : value;

    private static object? Sum(object? value, JinjaCall call)
    {
        string? attribute = call.Has(0, "attribute") && call.Get(0, "attribute") is not null ? call.Text(0, "attribute").Value : null;
        object? sum = call.Get(1, "start", 0L);
        foreach (object? item in Elements(value, call)) sum = JinjaOperators.Combine("+", sum, attribute is null ? item : Attribute(item, attribute), call.Run, call.Line);
        return sum;
    }

    /// <summary>An attribute of an attribute, and so on: names or numbers with dots between them.</summary>
    private static object? Attribute(object? value, string path)
    {
        foreach (string part in path.Split('.'))
            value = JinjaMembers.Find(value, long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out long index) ? index : JinjaText.Of(part), isAttribute: false);
        return value;
    }

    private static Comparer<object?> Order(JinjaCall call) => Comparer<object?>.Create((left, right) =>
    {
        call.Run.Step(Math.Min(Python.WeightOf(left), Python.WeightOf(right)));
        return Python.Compare(left, right) ?? throw call.Error($"a {Python.TypeOf(left)} and a {Python.TypeOf(right)} have no order");
    });
}
