using System.Text.Json;
using Gemma2.Backend.Engine;
using Gemma2.Service.Api;
using Gemma2.Service.Dialects.Vllm;
using Gemma2.Service.Http.Completions;
using Gemma2.Service.Model;
using Gemma2.Service.Options;

namespace Gemma2.Service.Http.Vllm;

/// <summary><c>POST /tokenize</c> and <c>POST /detokenize</c>, as vLLM has them: what becomes of a prompt, without generating anything.</summary>
internal static class TokenizeEndpoint
{
    public const string Tokenize = "/tokenize";

    public const string Detokenize = "/detokenize";

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost(Tokenize, TokenizeAsync);
        routes.MapPost(Detokenize, DetokenizeAsync);
    }

    private static async Task TokenizeAsync(HttpContext http, EarlyRequests early, Gemma2Options options)
    {
        TokenizeRequest request = await ReadAsync(http, TokenizeRequest.Parse);
        using EngineLease lease = await early.TakeAsync(http);
        IInferenceEngine engine = Named(lease, request.Model);
        IReadOnlyList<int> tokens = request.Encode(engine, options.ToolPrompt);
        await JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteNumber("count", tokens.Count);
            json.WriteNumber("max_model_len", engine.ContextLength);
            json.WriteStartArray("tokens");
            foreach (int token in tokens)
                json.WriteNumberValue(token);
            json.WriteEndArray();
            json.WritePropertyName("token_strs");
            WritePieces(json, engine, request.TellsPieces ? tokens : null);
            json.WriteEndObject();
        });
    }

    private static async Task DetokenizeAsync(HttpContext http, EarlyRequests early)
    {
        DetokenizeRequest request = await ReadAsync(http, DetokenizeRequest.Parse);
        using EngineLease lease = await early.TakeAsync(http);
        string prompt = request.Decode(Named(lease, request.Model));
        await JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteString("prompt", prompt);
            json.WriteEndObject();
        });
    }

    private static async Task<T> ReadAsync<T>(HttpContext http, Func<JsonElement, T> parse)
    {
        using JsonDocument body = await RequestBody.ReadJsonAsync(http.Request, http.RequestAborted);
        return parse(body.RootElement);
    }

    private static IInferenceEngine Named(EngineLease lease, string? name) => name is null ? lease.Engine : lease.Engine.RequireName(name);

    private static void WritePieces(Utf8JsonWriter json, IInferenceEngine engine, IReadOnlyList<int>? tokens)
    {
        if (tokens is null)
        {
            json.WriteNullValue();
            return;
        }
        json.WriteStartArray();
        foreach (int token in tokens)
            json.WriteStringValue(engine.Tokenizer!.Piece(token));
        json.WriteEndArray();
    }
}
