using Gemma2.Backend.Startup;
using Gemma2.Service.Api;
using Gemma2.Service.Http.Access;
using Gemma2.Service.Telemetry;

namespace Gemma2.Service.Http.Metrics;

/// <summary><c>GET /startup</c>: the last starts of this process, stage by stage, newest first; also while one is under way.</summary>
internal static class StartupEndpoint
{
    public const string Route = "/startup";

    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet(Route, SendAsync).WithMetadata(Watching.Mark);

    private static Task SendAsync(HttpContext http, Startups startups) => JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json =>
    {
        json.WriteStartObject();
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        foreach (StartupReport report in startups.Reports)
            StartupJson.Write(json, report);
        json.WriteEndArray();
        json.WriteEndObject();
    });
}
