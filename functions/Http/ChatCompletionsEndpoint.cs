using Gemma2.Functions.Completions;

namespace Gemma2.Functions.Http;

/// <summary><c>POST /v1/chat/completions</c>: gives the next turn of a conversation.</summary>
internal static class ChatCompletionsEndpoint
{
    public const string Route = "/v1/chat/completions";

    public static void Map(IEndpointRouteBuilder routes) => routes.MapPost(Route, (HttpContext http, CompletionResponder responder) =>
        responder.RespondAsync(http, body => CompletionRequestParser.ParseChat(body)));
}
