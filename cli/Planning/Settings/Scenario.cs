using System.CommandLine;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Gemma2.Cli.Planning.Settings;

/// <summary>The inputs that were given, from a scenario file or the command line; what was not given is not there.</summary>
internal sealed class Scenario
{
    private static readonly Dictionary<string, Setting> ByKey = PlanSettings.All.ToDictionary(setting => setting.Key);

    private readonly Dictionary<Setting, object> _values;

    private Scenario(Dictionary<Setting, object> values) => _values = values;

    /// <summary>Nothing was given.</summary>
    public static Scenario Empty { get; } = new([]);

    /// <summary>What the command line gives.</summary>
    public static Scenario Given(ParseResult parse) => new(PlanSettings.All
        .Select(setting => (Setting: setting, Value: setting.Given(parse)))
        .Where(given => given.Value is not null)
        .ToDictionary(given => given.Setting, given => given.Value!));

    /// <summary>What a scenario file gives: a JSON object whose keys are settings.</summary>
    /// <param name="json">The file's text.</param>
    /// <param name="file">The file; paths in it are relative to its folder.</param>
    /// <exception cref="PlanException">Names the key that is unknown or whose value is not allowed.</exception>
    public static Scenario Parse(string json, string file) => PlanFile.ReadObject(json, file, root => new Scenario(
        root.EnumerateObject().Select(property => Read(property, file)).ToDictionary(read => read.Setting, read => read.Value)));

    /// <summary>The same with other values where <paramref name="over"/> has some.</summary>
    public Scenario With(Scenario over)
    {
        var values = new Dictionary<Setting, object>(_values);
        // It is not another price's source.
        if (over.Has(PlanSettings.Price)) values.Remove(PlanSettings.PriceSource);
        foreach ((Setting setting, object value) in over._values) values[setting] = value;
        return new Scenario(values);
    }

    /// <summary>Whether a value was given.</summary>
    public bool Has(Setting setting) => _values.ContainsKey(setting);

    /// <summary>A value, if it was given.</summary>
    public bool TryGet<T>(Setting<T> setting, [MaybeNullWhen(false)] out T value) where T : notnull
    {
        bool has = _values.TryGetValue(setting, out object? found);
        value = has ? (T)found! : default;
        return has;
    }

    /// <summary>A value, or what holds where none was given.</summary>
    public T Get<T>(Setting<T> setting, T byDefault) where T : notnull => TryGet(setting, out T? value) ? value : byDefault;

    /// <summary>A value that a plan cannot do without.</summary>
    /// <exception cref="PlanException">It was not given.</exception>
    public T Require<T>(Setting<T> setting) where T : notnull => TryGet(setting, out T? value)
        ? value
        : throw new PlanException($"The plan does not say its {setting.Key}: give {setting.OptionName}, or {setting.Key} in the scenario.");

    private static (Setting Setting, object Value) Read(JsonProperty property, string file) => ByKey.TryGetValue(property.Name, out Setting? setting)
        ? (setting, setting.Read(property.Value, file))
        : throw new PlanException($"{file}: '{PlanFile.Show(property.Name)}' is not a key; keys are the options of gemma2 plan --help with '_' for '-'.");
}
