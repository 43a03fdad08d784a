using Gemma2.Service.Http.Access;

namespace Gemma2.Service.Http.Metrics;

/// <summary><c>GET /metrics</c>: the app's figures as Prometheus reads them.</summary>
internal static class MetricsEndpoint
{
    public const string Route = "/metrics";

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet(Route, (HttpContext http, PrometheusExport export) => export.SendAsync(http)).WithMetadata(Watching.Mark);
}
