using System.Globalization;
using System.Text.Json;

namespace Gemma2.Backend.Config;

/// <summary>The keys of a config.json object. Each is read together with what is allowed; a key without default is required.</summary>
internal sealed class Gemma2ConfigKeys(JsonElement keys, string file)
{
    private const double LargestSoftcap = 1e6;
    private const int MostTokens = 64;

    /// <summary>A whole number.</summary>
    public int Integer(string key, int lowest, int highest, int? byDefault = null)
    {
        int? value = keys.TryGetProperty(key, out JsonElement element) ? AsInteger(element) : byDefault;
        return value >= lowest && value <= highest ? value.Value : throw Error(key, $"a whole number from {lowest} to {highest}");
    }

    /// <summary>A finite number.</summary>
    public double Number(string key, double lowest, double highest, double? byDefault = null)
    {
        double? value = keys.TryGetProperty(key, out JsonElement element) ? AsNumber(element) : byDefault;
        return value >= lowest && value <= highest
            ? value.Value
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

    /// <summary>One token id or an array of them.</summary>
    public IReadOnlyList<int> Tokens(string key, int vocabulary, int byDefault)
    {
        if (!keys.TryGetProperty(key, out JsonElement element) || element.ValueKind != JsonValueKind.Array)
            return [Integer(key, 0, vocabulary - 1, byDefault)];

        int?[] tokens = [.. element.EnumerateArray().Take(MostTokens + 1).Select(AsInteger)];
        return tokens.Length <= MostTokens && tokens.All(token => token >= 0 && token < vocabulary)
            ? [.. tokens.Select(token => token!.Value)]
            : throw Error(key, $"a token id from 0 to {vocabulary - 1}, or an array of at most {MostTokens} of them");
    }

    /// <summary>The base of the rotary embedding: newer files keep it in an object.</summary>
    public double RopeTheta()
    {
        const string Newer = "rope_parameters";
        if (!keys.TryGetProperty(Newer, out JsonElement parameters)) return Number("rope_theta", 1, 1e12, byDefault: 10000);
        if (parameters.ValueKind != JsonValueKind.Object) throw Error(Newer, "an object");
        Gemma2ConfigKeys rope = new(parameters, $"{file}: {Newer}");
        rope.RequireIfPresent("rope_type", "default");
        return rope.Number("rope_theta", 1, 1e12);
    }

    /// <summary>The layers as newer files list them; those of the published models where the file does not.</summary>
    public IReadOnlyList<LayerConfig> Layers(string key, int count, int window)
    {
        if (!keys.TryGetProperty(key, out JsonElement types) || types.ValueKind == JsonValueKind.Null) return LayerConfig.Alternating(count, window);
        LayerConfig?[] layers = types.ValueKind == JsonValueKind.Array ? [.. types.EnumerateArray().Select(type => AsLayer(type, window))] : [];
        return layers.Length == count && layers.All(layer => layer is not null)
            ? [.. layers.Select(layer => layer!)]
            : throw Error(key, $"an array of {count}, each sliding_attention or full_attention");
    }

    /// <summary>A text of which one value only is supported.</summary>
    public void Require(string key, string value)
    {
        if (!keys.TryGetProperty(key, out JsonElement element) || !IsText(element, value)) throw Error(key, $"\"{value}\"");
    }

    /// <summary>A text of which one value only, the default, is supported.</summary>
    public void RequireIfPresent(string key, string value)
    {
        if (keys.TryGetProperty(key, out _)) Require(key, value);
    }

    /// <summary>A flag of which one value only, the default, is supported.</summary>
    public void RequireIfPresent(string key, bool value)
    {
        if (keys.TryGetProperty(key, out JsonElement element) && element.ValueKind != (value ? JsonValueKind.True : JsonValueKind.False))
            throw Error(key, value ? "true" : "false");
    }

    /// <summary>A key that may be missing or null, since what it asks for is not supported.</summary>
    public void RequireNull(string key)
    {
        if (keys.TryGetProperty(key, out JsonElement element) && element.ValueKind != JsonValueKind.Null) throw Error(key, "null");
    }

    /// <summary>The error for a key's value.</summary>
    public ModelException Error(string key, string allowed)
    {
        string value = keys.TryGetProperty(key, out JsonElement element) ? $"is {ModelJson.Show(element)}" : "is missing";
        return new ModelException($"{file}: {key} {value}; allowed is {allowed}.");
    }

    private static LayerConfig? AsLayer(JsonElement type, int window) =>
        IsText(type, "sliding_attention") ? new LayerConfig(window) : IsText(type, "full_attention") ? new LayerConfig((int?)null) : null;

    private static int? AsInteger(JsonElement element) => element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out int value) ? value : null;

    private static double? AsNumber(JsonElement element) => element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out double value) ? value : null;

    private static bool IsText(JsonElement element, string text) => element.ValueKind == JsonValueKind.String && element.ValueEquals(text);
}
