using System.Text.Json;
using Gemma2.Backend.Engine;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.Anthropic;
using Gemma2.Service.Http.Completions;
using Gemma2.Service.Model;
using Gemma2.Service.Options;

namespace Gemma2.Service.Http.Anthropic;

/// <summary><c>POST /v1/messages</c>: Anthropic's way to ask for the next turn of a conversation; <c>POST /v1/messages/count_tokens</c>: how long its prompt is.</summary>
internal static class MessagesEndpoint
{
    public const string Route = "/v1/messages";

    public const string CountRoute = Route + "/count_tokens";

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost(Route, (HttpContext http, CompletionResponder responder) =>
            responder.RespondAsync(http, MessageRequestParser.Parse, new MessageWriter(http.TraceIdentifier)));
        routes.MapPost(CountRoute, CountAsync);
    }

    private static async Task CountAsync(HttpContext http, EarlyRequests early, Gemma2Options options)
    {
        CompletionRequest request;
        using (JsonDocument body = await RequestBody.ReadJsonAsync(http.Request, http.RequestAborted))
            request = MessageRequestParser.ParseCount(body.RootElement);
        using EngineLease lease = await early.TakeAsync(http);
        IInferenceEngine engine = lease.Engine.RequireName(request.Model);
        Prompt prompt = request.Tools?.TellOf(request.Prompts[0], options.ToolPrompt) ?? request.Prompts[0];
        int count = PromptEncoder.Encode(engine, prompt).Tokens.Count;
        await JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteNumber("input_tokens", count);
            json.WriteEndObject();
        });
    }
}
