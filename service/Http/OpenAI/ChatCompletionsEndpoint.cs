using Gemma2.Service.Api;
using Gemma2.Service.Dialects.OpenAI;
using Gemma2.Service.Http.Completions;

namespace Gemma2.Service.Http.OpenAI;

/// <summary><c>POST /v1/chat/completions</c>: gives the next turn of a conversation.</summary>
internal static class ChatCompletionsEndpoint
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapPost(CompletionRoutes.Chat, (HttpContext http, CompletionResponder responder) =>
        responder.RespondAsync(http, body => CompletionRequestParser.ParseChat(body, http.Deployment()), CompletionWriter.Instance));
}
