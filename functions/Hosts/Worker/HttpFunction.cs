using Microsoft.Azure.Functions.Worker;

namespace Gemma2.Functions.Hosts.Worker;

/// <summary>
/// Every HTTP request. One function with all routes, and not one a route, leaves routing to the service: unknown paths, wrong methods and new endpoints are
/// answered as they are without a Functions host.
/// </summary>
internal sealed class HttpFunction(WorkerPipeline pipeline)
{
    /// <summary>Answers a request by writing its response.</summary>
    [Function("Http")]
    public Task RunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", "post", "put", "patch", "delete", "options", Route = "{*path}")] HttpRequest request) =>
        pipeline.RunAsync(request.HttpContext);
}
