using System.Text.Json;
using System.Text.RegularExpressions;
using Gemma2.Backend.Config;

namespace Gemma2.Backend.Adapters;

/// <summary>
/// Numbers for modules whose names match patterns: rank_pattern and alpha_pattern. A pattern is a regular expression that matches the end of a name from a dot on, or all of it; the
/// first that does counts. Source: https://github.com/huggingface/peft, src/peft/utils/other.py, get_pattern_key.
/// </summary>
internal sealed class ModulePatterns
{
    // A pattern for each matrix of the largest model, and some.
    private const int Most = 1024;
    private const int LongestPattern = 256;

    private readonly List<(Regex Pattern, double Number)> _patterns = [];

    private ModulePatterns()
    {
    }

    /// <summary>Reads the patterns of a key; none where it is missing or null.</summary>
    /// <exception cref="ModelException">It is no object of patterns and numbers.</exception>
    public static ModulePatterns Read(JsonElement root, string key, string label, Predicate<double> isAllowed, string allowed)
    {
        ModulePatterns patterns = new();
        if (!root.TryGetProperty(key, out JsonElement all) || all.ValueKind == JsonValueKind.Null) return patterns;
        if (all.ValueKind != JsonValueKind.Object || all.GetPropertyCount() > Most)
            throw new ModelException($"{label}: {key} must be an object of at most {Most} module names and numbers.");
        foreach (JsonProperty entry in all.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetDouble(out double number) || !isAllowed(number))
                throw new ModelException($"{label}: {key} has {ModelJson.Show(entry.Value)} for {ModelJson.Show(entry.Name)}; allowed are {allowed}.");
            patterns._patterns.Add((Compile(entry.Name, key, label), number));
        }
        return patterns;
    }

    /// <summary>The number for a module.</summary>
    /// <returns>Null where no pattern matches.</returns>
    public double? Find(string module)
    {
        foreach ((Regex pattern, double number) in _patterns)
            if (pattern.IsMatch(module)) return number;
        return null;
    }

    private static Regex Compile(string pattern, string key, string label)
    {
        try
        {
            // Strangers' patterns: their time grows with the length of a name alone.
            if (pattern.Length <= LongestPattern) return new Regex($@"\A(?:.*\.)?(?:{pattern})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            throw new ModelException($"{label}: {key} has the pattern {ModelJson.Show(pattern)}, which is no regular expression that is supported.", error);
        }
        throw new ModelException($"{label}: {key} has a pattern of {pattern.Length} characters; allowed are {LongestPattern}.");
    }
}
