namespace Gemma2.Backend.Text.Jinja;

/// <summary>The functions that every template has, Jinja's own and those that transformers adds.</summary>
internal static class JinjaGlobals
{
    private const int LongestRange = 100_000;

    /// <summary>A function by its name; null where it is not known.</summary>
    public static JinjaFunction? Find(string name) => name switch
    {
        "range" => Range,
        "namespace" => Namespace,
        "dict" => Dict,
        "raise_exception" => call => throw new JinjaRefusalException(Python.ToText(call.Need(0, "message"), call.Run).Value),
        _ => null,
    };

    /// <summary>What <c>strftime_now</c> says at a time.</summary>
    public static JinjaFunction Clock(DateTimeOffset now) => call => JinjaText.Of(PythonTime.Format(now, call.Text(0, "format").Value, call));

    private static JinjaList Range(JinjaCall call)
    {
        call.Allow(3);
        bool isAlone = call.Positional.Count == 1;
        (int start, int end, int step) = (isAlone ? 0 : call.Integer(0, "start", 0), call.Integer(isAlone ? 0 : 1, "stop", 0), call.Integer(2, "step", 1));
        if (step == 0) throw call.Error("the step of a range is 0");
        long count = Math.Max(0, step > 0 ? ((long)end - start + step - 1) / step : ((long)start - end - step - 1) / -(long)step);
        if (count > LongestRange) throw call.Error($"a range has more than {LongestRange} numbers");
        call.Run.Step(count);
        return new JinjaList([.. Enumerable.Range(0, (int)count).Select(object? (i) => start + ((long)i * step))]);
    }

    private static JinjaNamespace Namespace(JinjaCall call)
    {
        var names = new JinjaNamespace();
        foreach (KeyValuePair<object?, object?> entry in Dict(call).Entries) names.Names[Python.ToText(entry.Key, call.Run).Value] = entry.Value;
        return names;
    }

    private static JinjaMap Dict(JinjaCall call)
    {
        call.Allow(1, [.. call.Named.Keys]);
        IEnumerable<KeyValuePair<object?, object?>> given = call.Positional switch
        {
            [] => [],
            [JinjaMap map] => map.Entries,
            [JinjaList list] => list.Items.Select(item => item is JinjaList { Items: [var key, var value] } ? new KeyValuePair<object?, object?>(key, value) : throw call.Error("a mapping is made of pairs")),
            _ => throw call.Error($"{call.Name} takes a mapping"),
        };
        return new JinjaMap([.. given, .. call.Named.Select(named => new KeyValuePair<object?, object?>(JinjaText.Of(named.Key), named.Value))]);
    }
}
