using System.Globalization;
using Gemma2.Backend.Decoding;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>How a model's makers want tokens picked, in a GGUF file's metadata: newer converters write there what generation_config.json says.</summary>
internal static class GgufSampling
{
    /// <summary>Of what must be above 0.</summary>
    private const double Least = 1e-9;

    /// <summary>Reads what the file says.</summary>
    /// <exception cref="ModelException">Names the key, its value and what is allowed.</exception>
    public static SamplingDefaults Read(GgufMetadata keys) => new(
        Number(keys, GgufKeys.Temperature, 0, 2),
        // Off is 0 for some tools, -1 for others.
        keys.Has(GgufKeys.TopK) ? Math.Max(keys.Integer(GgufKeys.TopK, -1, int.MaxValue), 0) : null,
        Number(keys, GgufKeys.TopP, Least, 1),
        Number(keys, GgufKeys.MinP, 0, 1),
        Number(keys, GgufKeys.RepetitionPenalty, Least, float.MaxValue));

    /// <summary>The keys and values that say it.</summary>
    public static IEnumerable<KeyValuePair<string, object>> Write(SamplingDefaults sampling)
    {
        (string Key, double? Value)[] numbers =
        [
            (GgufKeys.Temperature, sampling.Temperature), (GgufKeys.TopP, sampling.TopP), (GgufKeys.MinP, sampling.MinP), (GgufKeys.RepetitionPenalty, sampling.RepetitionPenalty),
        ];
        foreach ((string key, double? value) in numbers)
            if (value is { } number) yield return new(key, (float)number);
        if (sampling.TopK is { } most) yield return new(GgufKeys.TopK, (uint)most);
    }

    /// <summary>The file has floats of 32 bits: 0.95 is meant where it says 0.949999988.</summary>
    private static double? Number(GgufMetadata keys, string key, double lowest, double highest) => keys.Has(key)
        ? double.Parse(((float)keys.Number(key, lowest, highest, byDefault: lowest)).ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)
        : null;
}
