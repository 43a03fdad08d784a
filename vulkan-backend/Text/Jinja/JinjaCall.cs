namespace Gemma2.Backend.Text.Jinja;

/// <summary>The arguments of a function, filter, test or method, and where it is called.</summary>
/// <param name="Run">The run.</param>
/// <param name="Line">The template's line.</param>
/// <param name="Name">What is called.</param>
/// <param name="Positional">The arguments without names.</param>
/// <param name="Named">The others.</param>
internal sealed record JinjaCall(JinjaRun Run, int Line, string Name, IReadOnlyList<object?> Positional, IReadOnlyDictionary<string, object?> Named)
{
    /// <summary>Whether an argument is given.</summary>
    public bool Has(int place, string name) => place < Positional.Count || Named.ContainsKey(name);

    /// <summary>An argument, by its place or name.</summary>
    public object? Get(int place, string name, object? byDefault = null) =>
        place < Positional.Count ? Positional[place] : Named.TryGetValue(name, out object? value) ? value : byDefault;

    /// <summary>An argument that must be there.</summary>
    public object? Need(int place, string name) => Has(place, name) ? Get(place, name) : throw Error($"{Name} needs the argument {name}");

    /// <summary>A text.</summary>
    public JinjaText Text(int place, string name, string byDefault = "") =>
        !Has(place, name) ? JinjaText.Of(byDefault) : Get(place, name) as JinjaText ?? throw Error($"the argument {name} of {Name} is no text");

    /// <summary>A whole number.</summary>
    public int Integer(int place, string name, int byDefault) =>
        !Has(place, name) ? byDefault : Get(place, name) is { } value && Python.TryInteger(value, out long number) && (int)number == number ? (int)number : throw Error($"the argument {name} of {Name} is no whole number");

    /// <summary>Whether an argument is true.</summary>
    public bool Flag(int place, string name, bool byDefault) => Has(place, name) ? Python.IsTrue(Get(place, name)) : byDefault;

    /// <summary>Refuses arguments that are not acted on.</summary>
    public void Allow(int places, params ReadOnlySpan<string> names)
    {
        if (Positional.Count > places) throw Error($"{Name} takes at most {places} arguments");
        foreach (string name in Named.Keys)
            if (!names.Contains(name)) throw Error($"the argument {name} of {Name} is not supported");
    }

    /// <summary>An error of this call.</summary>
    public JinjaException Error(string message) => new(message, Line);
}
