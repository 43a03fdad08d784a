namespace Gemma2.Backend.Text.Jinja;

/// <summary>What values have: attributes, elements, parts.</summary>
internal static class JinjaMembers
{
    /// <summary>An attribute or element. Where Python finds none of the one kind, the other is looked for, as in Jinja.</summary>
    public static object? Find(object? value, object? key, bool isAttribute)
    {
        if (key is JinjaText name)
        {
            object? attribute = isAttribute ? Attribute(value, name.Value) ?? Element(value, key) : Element(value, key) ?? Attribute(value, name.Value);
            return attribute is Nothing ? null : attribute ?? new JinjaUndefined($"a {Python.TypeOf(value)} has no '{name.Value}'");
        }
        return Element(value, key) switch
        {
            Nothing => null,
            null => new JinjaUndefined($"a {Python.TypeOf(value)} has no such element"),
            var element => element,
        };
    }

    /// <summary>A part of a text or list; null for what has none.</summary>
    public static object? Slice(object? value, long? start, long? end, long step, JinjaRun run)
    {
        int length = value is JinjaText whole ? whole.Length : value is JinjaList all ? all.Items.Count : -1;
        if (length < 0) return null;
        long from = Bound(start, length, step > 0 ? 0 : length - 1, step), to = Bound(end, length, step > 0 ? length : -1, step);
        if (value is JinjaText text && step == 1) return from < to ? text.Cut(text.PlaceOf((int)from), text.PlaceOf((int)to)) : JinjaText.Empty;
        run.Step(length);
        IReadOnlyList<object?> items = value is JinjaText letters ? [.. letters.Characters()] : ((JinjaList)value!).Items;
        List<object?> chosen = [];
        for (long at = from; step > 0 ? at < to : at > to; at += step) chosen.Add(items[(int)at]);
        if (value is JinjaList list) return new JinjaList(chosen, list.IsTuple);
        var part = new JinjaTextBuilder(run);
        foreach (object? letter in chosen) part.Append((JinjaText)letter!);
        return part.Build();
    }

    private static long Bound(long? bound, int length, long byDefault, long step)
    {
        if (bound is not { } given) return byDefault;
        if (given < 0) given += length;
        return step > 0 ? Math.Clamp(given, 0, length) : Math.Clamp(given, -1, length - 1);
    }

    // Null means that there is none; None is wrapped.
    private static object? Element(object? value, object? key) => value switch
    {
        JinjaMap map when key is null or JinjaText or bool or long or double && map.TryGet(key, out object? found) => found ?? Nothing.Value,
        JinjaList list when Python.TryInteger(key, out long index) && (index = index < 0 ? index + list.Items.Count : index) >= 0 && index < list.Items.Count =>
            list.Items[(int)index] ?? Nothing.Value,
        JinjaText text when Python.TryInteger(key, out long index) && (index = index < 0 ? index + text.Length : index) >= 0 && index < text.Length =>
            text.Cut(text.PlaceOf((int)index), text.PlaceOf((int)index + 1)),
        _ => null,
    };

    private static object? Attribute(object? value, string name) => value switch
    {
        JinjaText text => TextMethods.Find(text, name),
        JinjaMap map => CollectionMethods.Find(map, name),
        JinjaList list => CollectionMethods.Find(list, name),
        JinjaNamespace names => names.Names.TryGetValue(name, out object? found) ? found ?? Nothing.Value : null,
        JinjaLoop loop => loop.Member(name) ?? Nothing.Value,
        _ => null,
    };

    /// <summary>Stands for None where null means that there is nothing.</summary>
    private sealed class Nothing
    {
        public static readonly Nothing Value = new();
    }
}
