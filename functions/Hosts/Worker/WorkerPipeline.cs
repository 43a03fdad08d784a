using Gemma2.Service;

namespace Gemma2.Functions.Hosts.Worker;

/// <summary>The service's way of a request, below the one function that gets all of them.</summary>
internal sealed class WorkerPipeline
{
    private readonly RequestDelegate _pipeline;

    public WorkerPipeline(IServiceProvider services)
    {
        var app = new ApplicationBuilder(services);
        app.UseGemma2();
        _pipeline = app.Build();
    }

    /// <summary>Answers a request.</summary>
    public Task RunAsync(HttpContext http)
    {
        // The function is an endpoint itself: with one, routing would look for no other.
        http.SetEndpoint(null);
        http.Request.RouteValues.Clear();
        return _pipeline(http);
    }
}
