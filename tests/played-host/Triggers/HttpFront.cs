using Gemma2.PlayedHost.App;
using Gemma2.PlayedHost.Protocol;
using Gemma2.PlayedHost.Workers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Forwarder;

namespace Gemma2.PlayedHost.Triggers;

/// <summary>
/// Where clients call: a request goes on to the worker, byte by byte and both ways, and beside it the worker is told to invoke the function. What lies under
/// /admin and /runtime is the host's own.
/// </summary>
internal sealed class HttpFront : IAsyncDisposable
{
    private const string InvocationHeader = "x-ms-invocation-id";
    private const long LargestBody = 104_857_600;

    private static readonly ForwarderRequestConfig Forwarding = new() { ActivityTimeout = TimeSpan.FromSeconds(240) };

    private readonly AppFolder _folder;
    private readonly WorkerSupervisor _workers;
    private readonly AdminEndpoint _admin;
    private readonly HttpMessageInvoker _http = new(new PatientHandler(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }));
    private readonly WebApplication _app;

    private HttpFront(AppFolder folder, HostOptions options, WorkerSupervisor workers, AdminEndpoint admin)
    {
        (_folder, _workers, _admin) = (folder, workers, admin);
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls(options.Urls).ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = LargestBody);
        builder.Services.AddHttpForwarder();
        _app = builder.Build();
        _app.Run(HandleAsync);
    }

    /// <summary>Starts to listen; requests wait for the worker.</summary>
    public static async Task<HttpFront> StartAsync(AppFolder folder, HostOptions options, WorkerSupervisor workers, AdminEndpoint admin)
    {
        var front = new HttpFront(folder, options, workers, admin);
        await front._app.StartAsync();
        foreach (string address in front._app.Urls) Console.WriteLine($"Now listening on: {address}");
        return front;
    }

    /// <summary>Listens no more, and waits for the requests in hand until they are given up.</summary>
    public Task StopAsync(CancellationToken giveUp) => _app.StopAsync(giveUp);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _http.Dispose();
    }

    private async Task HandleAsync(HttpContext http)
    {
        if (http.Request.Path.StartsWithSegments("/admin") || http.Request.Path.StartsWithSegments("/runtime"))
        {
            await _admin.HandleAsync(http);
            return;
        }
        Worker worker = await _workers.GetAsync(http.RequestAborted);
        if (worker.HttpUri is { } address && new HttpRoutes(worker.Functions, _folder.RoutePrefix).Find(http.Request) is { } function)
            await InvokeAsync(http, worker, address, function);
        else
            http.Response.StatusCode = StatusCodes.Status404NotFound;
    }

    private async Task InvokeAsync(HttpContext http, Worker worker, Uri address, Function function)
    {
        string invocation = Worker.NewInvocationId();
        // A client's own header stays, as in a real host.
        http.Request.Headers.TryAdd(InvocationHeader, invocation);
        var forwarder = http.RequestServices.GetRequiredService<IHttpForwarder>();
        Task<ForwarderError> forwarding = forwarder.SendAsync(http, address.ToString(), _http, Forwarding).AsTask();
        try
        {
            await worker.InvokeAsync(function, invocation, new TypedData { Http = new HttpData() });
            await forwarding;
        }
        catch (WorkerException error)
        {
            Console.WriteLine($"{http.Request.Method} {http.Request.Path}: the function has failed. {error.Message.Split('\n')[0].TrimEnd()}");
            await forwarding;
            if (!http.Response.HasStarted) http.Response.StatusCode = StatusCodes.Status500InternalServerError;
        }
    }

    /// <summary>A worker says that it is ready a little before it listens.</summary>
    private sealed class PatientHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        private const int Tries = 10;

        private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
        private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(250);

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            TimeSpan pause = FirstPause;
            for (int left = Tries - 1; ; left--)
            {
                try
                {
                    return await base.SendAsync(request, cancellationToken);
                }
                catch (HttpRequestException) when (left > 0)
                {
                    await Task.Delay(pause, cancellationToken);
                    if (pause < LongestPause) pause *= 2;
                }
            }
        }
    }
}
