using Gemma2.Service.Api;
using Gemma2.Service.Dialects.OpenAI;
using Gemma2.Service.Http.Completions;

namespace Gemma2.Service.Http.OpenAI;

/// <summary><c>POST /v1/completions</c>: goes on from a text.</summary>
internal static class CompletionsEndpoint
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapPost(CompletionRoutes.Text, (HttpContext http, CompletionResponder responder) =>
        responder.RespondAsync(http, body => CompletionRequestParser.ParseText(body, http.Deployment()), CompletionWriter.Instance));
}
