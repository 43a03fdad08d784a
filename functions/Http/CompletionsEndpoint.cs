using Gemma2.Functions.Completions;

namespace Gemma2.Functions.Http;

/// <summary><c>POST /v1/completions</c>: goes on from a text.</summary>
internal static class CompletionsEndpoint
{
    public const string Route = "/v1/completions";

    public static void Map(IEndpointRouteBuilder routes) => routes.MapPost(Route, (HttpContext http, CompletionResponder responder) =>
        responder.RespondAsync(http, body => CompletionRequestParser.ParseText(body)));
}
