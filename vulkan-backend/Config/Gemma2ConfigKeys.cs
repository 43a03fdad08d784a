using System.Globalization;
using System.Text.Json;

namespace Gemma2.Backend.Config;

/// <summary>
/// The keys of a model's JSON object. Each is read together with what is allowed; a key without default is required. Null counts as absent, as in the library that writes
/// these files.
/// </summary>
internal sealed class Gemma2ConfigKeys(JsonElement keys, string file)
{
    private const double LargestSoftcap = 1e6;
    private const int MostTokens = 64;

    /// <summary>The file's name, and within it the object's, for messages.</summary>
    public string File => file;

    /// <summary>A whole number; JSON has one kind of number, so 8192.0 is one too.</summary>
    public int Integer(string key, int lowest, int highest, int? byDefault = null) => OptionalInteger(key, lowest, highest) ?? byDefault ?? throw Error(key, Whole(lowest, highest));

    /// <summary>A whole number.</summary>
    /// <returns>Null where the key is missing.</returns>
    public int? OptionalInteger(string key, int lowest, int highest)
    {
        if (!TryGet(key, out JsonElement element)) return null;
        return AsInteger(element) is int value && value >= lowest && value <= highest ? value : throw Error(key, Whole(lowest, highest));
    }

    /// <summary>A finite number.</summary>
    public double Number(string key, double lowest, double highest, double byDefault) => OptionalNumber(key, lowest, highest) ?? byDefault;

    /// <summary>A finite number.</summary>
    /// <returns>Null where the key is missing.</returns>
    public double? OptionalNumber(string key, double lowest, double highest)
    {
        if (!TryGet(key, out JsonElement element)) return null;
        return AsNumber(element) is double value && value >= lowest && value <= highest
            ? value
            : throw Error(key, string.Create(CultureInfo.InvariantCulture, $"a number from {lowest} to {highest}"));
    }

    /// <summary>A positive number, or 0 where the file says null: no cap.</summary>
    public double Softcap(string key, double byDefault)
    {
        if (!keys.TryGetProperty(key, out JsonElement element)) return byDefault;
        if (element.ValueKind == JsonValueKind.Null) return 0;
        double? value = AsNumber(element);
        return value > 0 && value <= LargestSoftcap
            ? value.Value
            : throw Error(key, string.Create(CultureInfo.InvariantCulture, $"null (off) or a number above 0, at most {LargestSoftcap}"));
    }

    /// <summary>A flag.</summary>
    public bool Flag(string key, bool byDefault) => !TryGet(key, out JsonElement element) ? byDefault : element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Error(key, "true or false"),
    };

    /// <summary>A text.</summary>
    /// <returns>Null where the key is missing.</returns>
    public string? Text(string key) => !TryGet(key, out JsonElement element) ? null
        : element.ValueKind == JsonValueKind.String ? element.GetString()
        : throw Error(key, "a string");

    /// <summary>An array of texts.</summary>
    /// <returns>Empty where the key is missing.</returns>
    public IReadOnlyList<string> Texts(string key)
    {
        if (!TryGet(key, out JsonElement element)) return [];
        return element.ValueKind == JsonValueKind.Array && element.EnumerateArray().All(text => text.ValueKind == JsonValueKind.String)
            ? [.. element.EnumerateArray().Select(text => text.GetString()!)]
            : throw Error(key, "an array of strings");
    }

    /// <summary>An object's own keys.</summary>
    /// <returns>Null where the key is missing.</returns>
    public Gemma2ConfigKeys? Object(string key) => !TryGet(key, out JsonElement element) ? null
        : element.ValueKind == JsonValueKind.Object ? new Gemma2ConfigKeys(element, $"{file}: {key}")
        : throw Error(key, "an object");

    /// <summary>Whether a key is there.</summary>
    public bool Has(string key) => TryGet(key, out _);

    /// <summary>Whether there is nothing but nulls.</summary>
    public bool IsEmpty => keys.EnumerateObject().All(property => property.Value.ValueKind == JsonValueKind.Null);

    /// <summary>A token id, also as an array of one.</summary>
    public int Token(string key, int vocabulary, int byDefault)
    {
        IReadOnlyList<int> tokens = Tokens(key, vocabulary, byDefault);
        return tokens.Count == 1 ? tokens[0] : throw Error(key, $"one token id from 0 to {vocabulary - 1}");
    }

    /// <summary>One token id or an array of them.</summary>
    public IReadOnlyList<int> Tokens(string key, int vocabulary, int byDefault)
    {
        if (!TryGet(key, out JsonElement element) || element.ValueKind != JsonValueKind.Array) return [Integer(key, 0, vocabulary - 1, byDefault)];

        int?[] tokens = [.. element.EnumerateArray().Take(MostTokens + 1).Select(AsInteger)];
        return tokens.Length <= MostTokens && tokens.All(token => token >= 0 && token < vocabulary)
            ? [.. tokens.Select(token => token!.Value)]
            : throw Error(key, $"a token id from 0 to {vocabulary - 1}, or an array of at most {MostTokens} of them");
    }

    /// <summary>The layers as newer files list them; those of the published models where the file does not.</summary>
    public IReadOnlyList<LayerConfig> Layers(string key, int count, int window)
    {
        if (!TryGet(key, out JsonElement types)) return LayerConfig.Alternating(count, window);
        LayerConfig?[] layers = types.ValueKind == JsonValueKind.Array ? [.. types.EnumerateArray().Select(type => AsLayer(type, window))] : [];
        return layers.Length == count && layers.All(layer => layer is not null)
            ? [.. layers.Select(layer => layer!)]
            : throw Error(key, $"an array of {count}, each sliding_attention or full_attention");
    }

    /// <summary>A text of which some values only are supported.</summary>
    public void RequireIfPresent(string key, params ReadOnlySpan<string> allowed)
    {
        if (!TryGet(key, out JsonElement element)) return;
        foreach (string value in allowed)
            if (IsText(element, value)) return;
        throw Error(key, $"\"{allowed[0]}\"");
    }

    /// <summary>A flag of which one value only, the default, is supported.</summary>
    public void RequireIfPresent(string key, bool value)
    {
        if (TryGet(key, out JsonElement element) && element.ValueKind != (value ? JsonValueKind.True : JsonValueKind.False)) throw Error(key, value ? "true" : "false");
    }

    /// <summary>A number of which one value only, the default, is supported.</summary>
    public void RequireIfPresent(string key, double value)
    {
        if (TryGet(key, out JsonElement element) && AsNumber(element) != value) throw Error(key, value.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>The error for a key's value.</summary>
    public ModelException Error(string key, string allowed) => Refusal(key, $"; allowed is {allowed}.");

    /// <summary>The error for a key, with what is to be said of its value.</summary>
    public ModelException Refusal(string key, string reason)
    {
        string value = keys.TryGetProperty(key, out JsonElement element) ? $"is {ModelJson.Show(element)}" : "is missing";
        return new ModelException($"{file}: {key} {value}{reason}");
    }

    private static string Whole(int lowest, int highest) => $"a whole number from {lowest} to {highest}";

    private static LayerConfig? AsLayer(JsonElement type, int window) =>
        IsText(type, "sliding_attention") ? new LayerConfig(window) : IsText(type, "full_attention") ? new LayerConfig((int?)null) : null;

    private static int? AsInteger(JsonElement element) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetDecimal(out decimal value) && decimal.IsInteger(value) && value is >= int.MinValue and <= int.MaxValue ? (int)value : null;

    private static double? AsNumber(JsonElement element) => element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out double value) ? value : null;

    private static bool IsText(JsonElement element, string text) => element.ValueKind == JsonValueKind.String && element.ValueEquals(text);

    private bool TryGet(string key, out JsonElement element) => keys.TryGetProperty(key, out element) && element.ValueKind != JsonValueKind.Null;
}
