using System.Globalization;
using Gemma2.Backend.Config;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>
/// The metadata of a GGUF file: keys and values. Each is read together with what is allowed. Whole numbers are <see cref="Int128"/> and floats
/// <see cref="double"/> whatever their width in the file; of arrays only the vocabulary's are kept.
/// </summary>
/// <param name="label">The model's and the file's name, for messages.</param>
internal sealed class GgufMetadata(string label)
{
    /// <summary>Stands for an array whose elements are not kept.</summary>
    public static readonly object SkippedArray = new();

    private const int LongestShown = 100;

    private readonly Dictionary<string, object> _values = new(StringComparer.Ordinal);

    /// <summary>The model's and the file's name, for messages.</summary>
    public string Label => label;

    /// <summary>Adds a key.</summary>
    /// <exception cref="ModelException">It is there already.</exception>
    public void Add(string key, object value)
    {
        if (!_values.TryAdd(key, value)) throw new ModelException($"{label}: has the key {ModelJson.Show(key)} twice.");
    }

    /// <summary>Whether a key is there.</summary>
    public bool Has(string key) => _values.ContainsKey(key);

    /// <summary>A whole number; a key without default is required.</summary>
    public int Integer(string key, int lowest, int highest, int? byDefault = null)
    {
        Int128? value = _values.TryGetValue(key, out object? found) ? found as Int128? : byDefault;
        return value >= lowest && value <= highest ? (int)value : throw Error(key, $"a whole number from {lowest} to {highest}");
    }

    /// <summary>A finite number.</summary>
    public double Number(string key, double lowest, double highest, double byDefault)
    {
        double? value = _values.TryGetValue(key, out object? found) ? found as double? : byDefault;
        return value >= lowest && value <= highest
            ? value.Value
            : throw Error(key, string.Create(CultureInfo.InvariantCulture, $"a float from {lowest} to {highest}"));
    }

    /// <summary>A text.</summary>
    /// <returns>Null where the key is missing.</returns>
    public string? Text(string key) => !_values.TryGetValue(key, out object? found) ? null : found as string ?? throw Error(key, "a string");

    /// <summary>A flag.</summary>
    /// <returns>Null where the key is missing.</returns>
    public bool? Flag(string key) => !_values.TryGetValue(key, out object? found) ? null : found as bool? ?? throw Error(key, "a bool");

    /// <summary>An array of the vocabulary.</summary>
    public T[] Array<T>(string key, string allowed) => _values.GetValueOrDefault(key) as T[] ?? throw Error(key, allowed);

    /// <summary>The error for a key's value.</summary>
    public ModelException Error(string key, string allowed) => Refusal(key, $"; allowed is {allowed}.");

    /// <summary>The error for a key, with what is to be said of its value.</summary>
    public ModelException Refusal(string key, string reason) => new($"{label}: {key} {Describe(key)}{reason}");

    private string Describe(string key) => !_values.TryGetValue(key, out object? value) ? "is missing" : value switch
    {
        string text when text.Length <= LongestShown => $"is \"{ModelJson.Show(text)}\"",
        string => "is a long string",
        bool flag => flag ? "is true" : "is false",
        IFormattable number => $"is {number.ToString(null, CultureInfo.InvariantCulture)}",
        Array array => $"is an array of {array.Length}",
        _ => "is an array",
    };
}
