namespace Gemma2.Backend.Text.Jinja;

/// <summary>The methods of lists and mappings that change nothing.</summary>
internal static class CollectionMethods
{
    /// <summary>A method of a mapping.</summary>
    public static JinjaFunction? Find(JinjaMap map, string name) => name switch
    {
        "get" => call => map.TryGet(Hashable(call), out object? value) ? value : call.Get(1, "default"),
        "items" => call => Items(map, call.Run),
        "keys" => call => Listed(map.Entries.Select(entry => entry.Key), map.Entries.Count, call.Run),
        "values" => call => Listed(map.Entries.Select(entry => entry.Value), map.Entries.Count, call.Run),
        "copy" => _ => map,
        "pop" or "popitem" or "update" or "setdefault" or "clear" => NotSupported,
        _ => null,
    };

    /// <summary>A method of a list.</summary>
    public static JinjaFunction? Find(JinjaList list, string name) => name switch
    {
        "count" => call => (long)list.Items.Count(item => Same(item, call)),
        "index" => call => list.Items.ToList().FindIndex(item => Same(item, call)) is >= 0 and var place ? (long)place : throw call.Error("the value is not in the list"),
        "copy" => _ => list,
        "append" or "extend" or "insert" or "pop" or "remove" or "clear" or "sort" or "reverse" => NotSupported,
        _ => null,
    };

    /// <summary>The entries as pairs.</summary>
    public static JinjaList Items(JinjaMap map, JinjaRun run) =>
        Listed(map.Entries.Select(object? (entry) => new JinjaList([entry.Key, entry.Value], isTuple: true)), map.Entries.Count, run);

    private static JinjaList Listed(IEnumerable<object?> values, int count, JinjaRun run)
    {
        run.Step(count);
        return new JinjaList([.. values]);
    }

    private static object? Hashable(JinjaCall call) => call.Need(0, "key") is not (JinjaList or JinjaMap) and var key ? key : throw call.Error("a list or mapping is no key");

    private static bool Same(object? item, JinjaCall call)
    {
        object? wanted = call.Need(0, "value");
        call.Run.Step(Python.WeightOf(wanted));
        return Python.AreEqual(item, wanted);
    }

    // Neither does transformers let a template change what it is given.
    private static object? NotSupported(JinjaCall call) => throw call.Error($"the method {call.Name}, which changes a list or mapping, is not supported");
}
