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
    private static readonly Dictionary<string, JsonValueKind> Ignored = new()
    {
        ["metadata"] = JsonValueKind.Object,
        ["parallel_tool_calls"] = JsonValueKind.True,
        ["prediction"] = JsonValueKind.Object,
        ["prompt_cache_key"] = JsonValueKind.String,
        ["prompt_cache_retention"] = JsonValueKind.String,
        ["safety_identifier"] = JsonValueKind.String,
        ["store"] = JsonValueKind.True,
        ["user"] = JsonValueKind.String,
    };

    // Refused, unless they hold one of these values (or null).
    private static readonly Dictionary<string, string[]> Refused = new()
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
    };

    /// <summary>The fields of a route that has OpenAI's fields.</summary>
    /// <param name="route">The method and the path.</param>
    /// <param name="honoured">What the route acts on.</param>
    public static RouteFields Of(string route, IEnumerable<string> honoured) => new(route, honoured, Ignored, Refused);

    /// <summary>Looks at every field of an object inside a request that is not among <paramref name="honoured"/>.</summary>
    /// <exception cref="InvalidRequestException">Names the field.</exception>
    public static void Check(RequestFields inner, IReadOnlySet<string> honoured)
    {
        foreach (JsonProperty field in inner.All)
            if (!honoured.Contains(field.Name) && field.Value.ValueKind != JsonValueKind.Null)
                throw new InvalidRequestException(RequestFields.Quote(inner.Path(field.Name)), $"{RequestFields.Quote(inner.Path(field.Name))} is an unknown field.", ErrorCodes.UnknownField);
    }
}
