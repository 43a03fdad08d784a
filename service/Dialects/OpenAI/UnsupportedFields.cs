using System.Collections.Frozen;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Service.Api;

namespace Gemma2.Service.Dialects.OpenAI;

/// <summary>
/// What happens to the fields of OpenAI's requests, and of vLLM's, that this server does not act on: those that cannot change the answer are ignored, those that
/// would change it are refused by name unless they hold the value that asks for nothing. A field that is not known is refused as OpenAI refuses it.
/// </summary>
internal static class UnsupportedFields
{
    // Accepted without effect, if the value has the type that OpenAI defines.
    private static readonly FrozenDictionary<string, JsonValueKind> Ignored = new Dictionary<string, JsonValueKind>
    {
        ["metadata"] = JsonValueKind.Object,
        ["parallel_tool_calls"] = JsonValueKind.True,
        ["prediction"] = JsonValueKind.Object,
        ["prompt_cache_key"] = JsonValueKind.String,
        ["prompt_cache_retention"] = JsonValueKind.String,
        ["safety_identifier"] = JsonValueKind.String,
        ["store"] = JsonValueKind.True,
        ["user"] = JsonValueKind.String,
    }.ToFrozenDictionary();

    // Refused, unless they hold one of these values (or null).
    private static readonly FrozenDictionary<string, string[]> Refused = new Dictionary<string, string[]>
    {
        ["add_special_tokens"] = ["true"],
        ["audio"] = [],
        ["best_of"] = ["1"],
        ["detokenize"] = ["true"],
        ["echo"] = ["false"],
        ["function_call"] = ["\"none\"", "\"auto\""],
        ["functions"] = ["[]"],
        ["include_stop_str_in_output"] = ["false"],
        ["length_penalty"] = ["1"],
        ["modalities"] = ["[\"text\"]"],
        ["prompt_logprobs"] = [],
        ["reasoning_effort"] = ["\"none\""],
        ["return_tokens_as_token_ids"] = ["false"],
        ["skip_special_tokens"] = ["true"],
        ["spaces_between_special_tokens"] = ["true"],
        ["suffix"] = ["\"\""],
        ["tool_choice"] = ["\"none\"", "\"auto\""],
        ["tools"] = ["[]"],
        ["top_logprobs"] = ["0"],
        ["use_beam_search"] = ["false"],
        ["verbosity"] = ["\"medium\""],
        ["web_search_options"] = [],
    }.ToFrozenDictionary();

    /// <summary>Looks at every field that is not among <paramref name="honoured"/>.</summary>
    /// <exception cref="InvalidRequestException">Names the field.</exception>
    public static void Check(RequestFields request, IReadOnlySet<string> honoured)
    {
        foreach (JsonProperty field in request.All)
        {
            string path = request.Path(field.Name);
            if (honoured.Contains(field.Name) || field.Value.ValueKind == JsonValueKind.Null)
                continue;
            if (Ignored.TryGetValue(field.Name, out JsonValueKind kind))
                CheckKind(path, kind, field.Value.ValueKind);
            else if (Refused.TryGetValue(field.Name, out string[]? neutral))
                CheckNeutral(path, neutral, field.Value);
            else
                throw new InvalidRequestException(RequestFields.Quote(path), $"{RequestFields.Quote(path)} is an unknown field.");
        }
    }

    private static void CheckKind(string path, JsonValueKind expected, JsonValueKind given)
    {
        if (given == expected || (expected == JsonValueKind.True && given == JsonValueKind.False))
            return;
        string type = expected switch { JsonValueKind.True => "true or false", JsonValueKind.Object => "an object", _ => "a string" };
        throw new InvalidRequestException(path, $"{path} must be {type}.");
    }

    private static void CheckNeutral(string path, string[] neutral, JsonElement given)
    {
        if (neutral.Any(value => JsonElement.DeepEquals(JsonElement.Parse(value), given)))
            return;
        string allowed = neutral.Length > 0 ? $" but for the value {neutral[0]}" : "";
        throw new InvalidRequestException(path, $"{path} is not supported{allowed}; leave it out.");
    }
}
