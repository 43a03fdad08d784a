using Gemma2.Service.Api;
using Gemma2.Service.Model;

namespace Gemma2.Service.Http;

/// <summary><c>GET /</c>: answers at once whatever the model does; the Functions host takes any answer as a sign that the app listens.</summary>
internal static class RootEndpoint
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/", (HttpContext http, ModelHost model) =>
        JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteString("name", "gemma2");
            json.WriteString("status", model.Engine is null ? "loading" : "ready");
            json.WriteEndObject();
        })).AllowAnonymous();
}
