using System.Text.Json;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.OpenAI;
using Gemma2.Storage.Batches;

namespace Gemma2.Service.Batches;

/// <summary>How the lines of an endpoint are read and answered. All that batches know of APIs is here.</summary>
/// <param name="Parse">Reads a line's body.</param>
/// <param name="WriteBody">Writes the answer. What is stored does not tell what was cached: a second run shall give the same bytes.</param>
internal sealed record LineDialect(Func<JsonElement, CompletionRequest> Parse, Action<Utf8JsonWriter, Completion, CompletionResult> WriteBody)
{
    private static readonly Dictionary<string, LineDialect> All = new()
    {
        [CompletionRoutes.Chat] = new(body => CompletionRequestParser.ParseChat(body), (json, completion, result) => CompletionJson.WriteBody(json, completion, result)),
        [CompletionRoutes.Text] = new(body => CompletionRequestParser.ParseText(body), (json, completion, result) => CompletionJson.WriteBody(json, completion, result)),
    };

    /// <summary>The dialect of an endpoint in either of its spellings.</summary>
    public static LineDialect Of(string endpoint) => All[BatchEndpoint.TryFind(endpoint) ?? endpoint];
}
