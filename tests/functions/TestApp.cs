using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Functions.Hosts.Standalone;
using Gemma2.Service.Http;
using Gemma2.Service.Http.Streaming;
using Gemma2.Service.Model;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenAI;

namespace Gemma2.Functions.Tests;

/// <summary>The real app on real Kestrel and a free port of its own; what it loads is the test's to say.</summary>
internal sealed class TestApp : IAsyncDisposable
{
    /// <summary>A setting for apps whose messages the test delivers itself.</summary>
    public const string WithoutPollers = "test:without-pollers=true";

    private TestApp(WebApplication app, string address)
    {
        App = app;
        Client = new HttpClient { BaseAddress = new Uri(address), Timeout = TimeSpan.FromMinutes(5) };
    }

    public WebApplication App { get; }

    public HttpClient Client { get; }

    /// <summary>Starts the app and waits until it has loaded.</summary>
    public static Task<TestApp> StartAsync(IInferenceEngine engine, params string[] settings) => StartAsync(engine, _ => { }, settings);

    /// <summary>Starts the app with parts that the test replaces, and waits until it has loaded.</summary>
    public static async Task<TestApp> StartAsync(IInferenceEngine engine, Action<IServiceCollection> configure, params string[] settings)
    {
        TestApp app = await StartLoadingAsync(new ReadyLoader(engine), configure, settings);
        await app.App.Services.GetRequiredService<ModelHost>().WaitForEngineAsync(TestContext.Current.CancellationToken);
        return app;
    }

    /// <summary>Starts the app; it listens while <paramref name="loader"/> may still load.</summary>
    public static Task<TestApp> StartLoadingAsync(IEngineLoader loader, params string[] settings) => StartLoadingAsync(loader, _ => { }, settings);

    /// <summary>Starts the app with parts that the test replaces; it listens while <paramref name="loader"/> may still load.</summary>
    public static async Task<TestApp> StartLoadingAsync(IEngineLoader loader, Action<IServiceCollection> configure, params string[] settings)
    {
        // The tests may run in a container; the app is not to care.
        string[] args = ["--Gemma2:Model=scripted", "--urls=http://127.0.0.1:0", "--DOTNET_RUNNING_IN_CONTAINER=", "--CONTAINER_APP_NAME=", .. settings.Select(setting => "--" + setting)];
        WebApplication app = StandaloneHost.Build(args, services =>
        {
            services.AddSingleton(loader);
            services.AddSingleton(new StreamOptions { FirstHeartbeat = TimeSpan.FromMilliseconds(20), HeartbeatInterval = TimeSpan.FromMilliseconds(20), PollInterval = TimeSpan.FromMilliseconds(20) });
            services.AddLogging(logging => logging.ClearProviders());
            if (settings.Contains(WithoutPollers))
                services.Remove(services.Single(service => service.ImplementationType == typeof(QueuePollers)));
            configure(services);
        });
        await app.StartAsync(TestContext.Current.CancellationToken);
        string address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return new TestApp(app, address);
    }

    /// <summary>OpenAI's own client, without retries, so that a test sees the first answer.</summary>
    public OpenAIClient OpenAIClient(string key = "unused") => new(new ApiKeyCredential(key), new OpenAIClientOptions
    {
        Endpoint = new Uri(Client.BaseAddress!, "v1"),
        RetryPolicy = new ClientRetryPolicy(0),
    });

    public Task<HttpResponseMessage> PostAsync(string path, string json) =>
        Client.PostAsync(path, new StringContent(json, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);

    /// <summary>A port that nothing listens on.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await App.StopAsync(TestContext.Current.CancellationToken);
        await App.DisposeAsync();
    }

    private sealed class ReadyLoader(IInferenceEngine engine) : IEngineLoader
    {
        public Task<IInferenceEngine> LoadAsync(IProgress<LoadProgress> progress, CancellationToken cancellationToken) => Task.FromResult(engine);
    }
}
