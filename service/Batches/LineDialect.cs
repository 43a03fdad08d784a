using System.Text.Json;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.OpenAI;
using Gemma2.Service.Dialects.Responses;
using Gemma2.Storage.Batches;

namespace Gemma2.Service.Batches;

/// <summary>How the lines of an endpoint are read and answered. All that batches know of APIs is here.</summary>
internal static class LineDialect
{
    private static readonly Dictionary<string, Func<JsonElement, LineRequest>> Readers = new()
    {
        [CompletionRoutes.Chat] = body => new LineRequest(CompletionRequestParser.ParseChat(body), WriteCompletion),
        [CompletionRoutes.Text] = body => new LineRequest(CompletionRequestParser.ParseText(body), WriteCompletion),
        [CompletionRoutes.Responses] = ReadResponse,
    };

    /// <summary>What reads the bodies of an endpoint in either of its spellings.</summary>
    public static Func<JsonElement, LineRequest> Of(string endpoint) => Readers[BatchEndpoint.TryFind(endpoint) ?? endpoint];

    private static void WriteCompletion(Utf8JsonWriter json, Completion completion, CompletionResult result) => CompletionJson.WriteBody(json, completion, result);

    private static LineRequest ReadResponse(JsonElement body)
    {
        ResponsesRequest request = ResponsesRequestParser.ParseLine(body);
        return new LineRequest(request.Completion, ResponseWriter.ForLine(request).WriteBody);
    }
}

/// <summary>What a line asks for.</summary>
/// <param name="Completion">What is generated.</param>
/// <param name="WriteBody">Writes the answer. What is stored does not tell what was cached: a second run shall give the same bytes.</param>
internal sealed record LineRequest(CompletionRequest Completion, Action<Utf8JsonWriter, Completion, CompletionResult> WriteBody);
