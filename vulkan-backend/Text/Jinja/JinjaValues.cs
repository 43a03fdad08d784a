namespace Gemma2.Backend.Text.Jinja;

// A value is null (None), bool, long, double, JinjaText, or one of these.

/// <summary>A list or tuple. Templates cannot change it.</summary>
internal sealed class JinjaList
{
    /// <param name="items">What is in it.</param>
    /// <param name="isTuple">Whether it is written in round brackets.</param>
    /// <exception cref="JinjaException">It holds too much.</exception>
    public JinjaList(IReadOnlyList<object?> items, bool isTuple = false)
    {
        (Items, IsTuple) = (items, isTuple);
        (Weight, Depth) = JinjaSize.Of(items);
    }

    /// <summary>What is in it.</summary>
    public IReadOnlyList<object?> Items { get; }

    /// <summary>Whether it is written in round brackets.</summary>
    public bool IsTuple { get; }

    /// <summary>How much there is to compare.</summary>
    public long Weight { get; }

    /// <summary>How deep it is nested.</summary>
    public int Depth { get; }
}

/// <summary>A mapping, in the order of its entries. Templates cannot change it.</summary>
internal sealed class JinjaMap
{
    private readonly Dictionary<PythonKey, int> _places = [];
    private readonly List<KeyValuePair<object?, object?>> _entries = [];

    /// <param name="entries">Keys (texts, numbers, None) and values; of two with the same key the later one counts.</param>
    /// <exception cref="JinjaException">It holds too much, or another key.</exception>
    public JinjaMap(IEnumerable<KeyValuePair<object?, object?>> entries)
    {
        foreach (KeyValuePair<object?, object?> entry in entries) Set(entry);
        (Weight, Depth) = JinjaSize.Of(_entries.Select(entry => entry.Value));
        Weight += _entries.Count;
    }

    /// <summary>The entries in their order.</summary>
    public IReadOnlyList<KeyValuePair<object?, object?>> Entries => _entries;

    /// <summary>How much there is to compare.</summary>
    public long Weight { get; }

    /// <summary>How deep it is nested.</summary>
    public int Depth { get; }

    /// <summary>Finds an entry.</summary>
    public bool TryGet(object? key, out object? value)
    {
        bool isThere = _places.TryGetValue(new PythonKey(key), out int place);
        value = isThere ? _entries[place].Value : null;
        return isThere;
    }

    private void Set(KeyValuePair<object?, object?> entry)
    {
        if (entry.Key is not (null or JinjaText or bool or long or double)) throw new JinjaException($"a {Python.TypeOf(entry.Key)} is no key of a mapping", 0);
        if (_places.TryAdd(new PythonKey(entry.Key), _entries.Count)) _entries.Add(entry);
        else _entries[_places[new PythonKey(entry.Key)]] = new(_entries[_places[new PythonKey(entry.Key)]].Key, entry.Value);
    }
}

/// <summary>The size of what holds values: a list that holds another twice, and so on, is larger than the memory it takes.</summary>
internal static class JinjaSize
{
    private const long MostWeight = 1 << 20;
    private const int MostDepth = 100;

    /// <summary>The size of what holds these values.</summary>
    /// <exception cref="JinjaException">It is too large.</exception>
    public static (long Weight, int Depth) Of(IEnumerable<object?> values)
    {
        (long weight, int depth) = (1, 1);
        foreach (object? value in values) (weight, depth) = (weight + Python.WeightOf(value), Math.Max(depth, 1 + Python.DepthOf(value)));
        return weight <= MostWeight && depth <= MostDepth ? (weight, depth) : throw new JinjaException("a list or mapping holds too much", 0);
    }
}

/// <summary>A key that is equal to another as Python has it.</summary>
internal readonly struct PythonKey(object? value) : IEquatable<PythonKey>
{
    private readonly object? _value = value;

    public bool Equals(PythonKey other) => Python.AreEqual(_value, other._value);

    public override bool Equals(object? obj) => obj is PythonKey other && Equals(other);

    public override int GetHashCode() => _value switch
    {
        JinjaText text => text.Value.GetHashCode(StringComparison.Ordinal),
        bool or long or double => Python.ToDouble(_value).GetHashCode(),
        _ => 0,
    };
}

/// <summary>What <c>namespace()</c> makes: names whose values a loop can change for what follows it.</summary>
internal sealed class JinjaNamespace
{
    /// <summary>Its names.</summary>
    public Dictionary<string, object?> Names { get; } = new(StringComparer.Ordinal);
}

/// <summary>What has no value.</summary>
/// <param name="Why">Said where it is needed.</param>
internal sealed record JinjaUndefined(string Why);

/// <summary>What can be called.</summary>
internal delegate object? JinjaFunction(JinjaCall call);

/// <summary>The variable <c>loop</c>.</summary>
/// <param name="items">All that is looped over.</param>
internal sealed class JinjaLoop(IReadOnlyList<object?> items)
{
    private object? _last = new JinjaUndefined("nothing");

    /// <summary>Number of the element, from 0.</summary>
    public int Index { get; set; }

    /// <summary>Its members by name.</summary>
    public object? Member(string name) => name switch
    {
        "index" => Index + 1L,
        "index0" => (long)Index,
        "revindex" => (long)items.Count - Index,
        "revindex0" => items.Count - Index - 1L,
        "first" => Index == 0,
        "last" => Index == items.Count - 1,
        "length" => (long)items.Count,
        // Of recursive loops, which are not supported.
        "depth" => 1L,
        "depth0" => 0L,
        "previtem" => Index > 0 ? items[Index - 1] : new JinjaUndefined("there is no previous item"),
        "nextitem" => Index + 1 < items.Count ? items[Index + 1] : new JinjaUndefined("there is no next item"),
        "cycle" => (JinjaFunction)(call => call.Positional.Count > 0 ? call.Positional[Index % call.Positional.Count] : throw call.Error("loop.cycle needs values")),
        "changed" => (JinjaFunction)(call => Changed(call)),
        _ => new JinjaUndefined($"loop has no attribute '{name}'"),
    };

    private bool Changed(JinjaCall call)
    {
        var now = new JinjaList(call.Positional);
        bool isChanged = !Python.AreEqual(now, _last);
        _last = now;
        return isChanged;
    }
}
