using System.Text.Json;
using Gemma2.Backend.Config;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Tokenizers;

/// <summary>The parts of a <c>tokenizer.json</c> that change texts before they are cut into pieces and after.</summary>
/// <param name="file">The file's name, for messages.</param>
internal sealed class TokenizerJsonSteps(string file)
{
    private const int MostSteps = 64;
    private const int LongestReplacement = 64;
    private const string Probe = "a b  c ";

    private static readonly string Mark = Vocabulary.Space.ToString();

    private int _steps;

    /// <summary>What <c>normalizer</c> does.</summary>
    /// <exception cref="ModelException">It is malformed, or does what is not supported.</exception>
    public Func<string, string> Normalizer(JsonElement step, string key = "normalizer")
    {
        if (step.ValueKind == JsonValueKind.Null) return text => text;
        switch (Type(step, key))
        {
            case "Sequence":
                Func<string, string>[] steps = [.. Items(step, key, "normalizers").Select(item => Normalizer(item.Value, item.Key))];
                return text => steps.Aggregate(text, (before, next) => next(before));
            case "Replace":
                string pattern = Pattern(step, key), content = Text(step, key, "content");
                return text => text.Replace(pattern, content, StringComparison.Ordinal);
            case "Prepend":
                string begin = Text(step, key, "prepend");
                return text => text.Length == 0 ? text : begin + text;
            case "Lowercase": return text => text.ToLowerInvariant();
            default: throw Unsupported(step, key, "Sequence, Replace, Prepend and Lowercase");
        }
    }

    /// <summary>What <c>pre_tokenizer</c> adds to a normalizer. It must cut nothing.</summary>
    /// <exception cref="ModelException">It is malformed, or does what is not supported.</exception>
    public Func<string, string> PreTokenizer(JsonElement step, Func<string, string> normalize, string key = "pre_tokenizer")
    {
        if (step.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined) return normalize;
        switch (Type(step, key))
        {
            case "Sequence":
                foreach ((string name, JsonElement item) in Items(step, key, "pretokenizers")) normalize = PreTokenizer(item, normalize, name);
                return normalize;
            case "Split":
                string pattern = Pattern(step, key);
                return !normalize(Probe + pattern).Contains(pattern, StringComparison.Ordinal)
                    ? normalize
                    : throw new ModelException($"{file}: {key} cuts texts at {ModelJson.Show(step.GetProperty("pattern").GetProperty("String"))}, which the normalizer leaves in them; that is not supported.");
            case "Metaspace":
                RequireNoPrefix(step, key);
                if (!step.TryGetProperty("split", out JsonElement split) || split.ValueKind != JsonValueKind.False) throw new ModelException($"{file}: {key}.split must be false.");
                return text => normalize(text).Replace(' ', Vocabulary.Space);
            default: throw Unsupported(step, key, "Sequence, Split and Metaspace");
        }
    }

    /// <summary>Checks that <c>decoder</c> does what all Gemma's do: U+2581 becomes a space, byte pieces become bytes.</summary>
    /// <exception cref="ModelException">It is malformed, or does something else.</exception>
    public void CheckDecoder(JsonElement step, string key = "decoder")
    {
        if (step.ValueKind == JsonValueKind.Null) return;
        switch (Type(step, key))
        {
            case "Sequence":
                foreach ((string name, JsonElement item) in Items(step, key, "decoders")) CheckDecoder(item, name);
                break;
            case "Replace" when Pattern(step, key) == Mark && Text(step, key, "content") == " ": break;
            case "Metaspace": RequireNoPrefix(step, key); break;
            case "ByteFallback" or "Fuse": break;
            default: throw Unsupported(step, key, "Sequence, Replace of U+2581 by a space, Metaspace, ByteFallback and Fuse");
        }
    }

    private void RequireNoPrefix(JsonElement step, string key)
    {
        if (Text(step, key, "replacement") != Mark) throw new ModelException($"{file}: {key}.replacement must be U+2581.");
        bool hasScheme = step.TryGetProperty("prepend_scheme", out JsonElement scheme) && scheme.ValueKind == JsonValueKind.String;
        bool isNever = hasScheme ? scheme.GetString() == "never" : step.TryGetProperty("add_prefix_space", out JsonElement adds) && adds.ValueKind == JsonValueKind.False;
        if (!isNever) throw new ModelException($"{file}: {key}.prepend_scheme must be \"never\".");
    }

    private string Type(JsonElement step, string key)
    {
        if (++_steps > MostSteps) throw new ModelException($"{file}: {key}: there are more than {MostSteps} steps.");
        return step.ValueKind == JsonValueKind.Object && step.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String
            ? type.GetString()!
            : throw new ModelException($"{file}: {key} must be an object with a type.");
    }

    private IEnumerable<(string Key, JsonElement Value)> Items(JsonElement step, string key, string name) =>
        step.TryGetProperty(name, out JsonElement items) && items.ValueKind == JsonValueKind.Array
            ? items.EnumerateArray().Index().Select(item => ($"{key}.{name}[{item.Index}]", item.Item))
            : throw new ModelException($"{file}: {key}.{name} must be an array.");

    private string Pattern(JsonElement step, string key) =>
        step.TryGetProperty("pattern", out JsonElement pattern) && pattern.ValueKind == JsonValueKind.Object && pattern.TryGetProperty("String", out JsonElement text)
            && text.ValueKind == JsonValueKind.String && text.GetString() is { Length: > 0 and <= LongestReplacement } found
            ? found
            : throw new ModelException($"{file}: {key}.pattern must be {{\"String\": ...}}, a text of 1 to {LongestReplacement} characters.");

    private string Text(JsonElement step, string key, string name) =>
        step.TryGetProperty(name, out JsonElement text) && text.ValueKind == JsonValueKind.String && text.GetString() is { Length: <= LongestReplacement } found
            ? found
            : throw new ModelException($"{file}: {key}.{name} must be a text of at most {LongestReplacement} characters.");

    private ModelException Unsupported(JsonElement step, string key, string supported) =>
        new($"{file}: {key} is {ModelJson.Show(step.GetProperty("type"))}; supported are {supported}.");
}
