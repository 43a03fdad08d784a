using System.Net;
using Gemma2.Functions.Batches;
using Gemma2.Functions.Configuration;
using Gemma2.Functions.Hosting;
using Gemma2.Functions.Http;
using Gemma2.Functions.Jobs;
using Gemma2.Functions.Model;
using Gemma2.Functions.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Functions;

/// <summary>Puts the app together: what it is made of, where it listens, what it answers.</summary>
internal static class FunctionApp
{
    private const string StorageSection = "AzureWebJobsStorage";

    // Container platforms kill a container 30 s after its SIGTERM.
    private static readonly TimeSpan GraceOnStop = TimeSpan.FromSeconds(25);

    /// <summary>Builds the app from the command line and the environment.</summary>
    /// <param name="args">Settings as <c>--Gemma2:Model=nano</c>, for those who prefer them to the environment.</param>
    /// <param name="configure">Replaces parts, for tests.</param>
    /// <exception cref="Backend.Gemma2Exception">A setting is wrong.</exception>
    public static WebApplication Build(string[] args, Action<IServiceCollection>? configure = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
        Gemma2Options options = Gemma2OptionsReader.Read(builder.Configuration);
        Container.CheckKeys(options, builder.Configuration);
        FunctionsHost host = FunctionsHost.Read(builder.Configuration);
        AddLogging(builder.Logging);
        Listen(builder.WebHost, host);
        AddServices(builder.Services, options, host);
        AddQueue(builder.Services, builder.Configuration, host);
        configure?.Invoke(builder.Services);
        WebApplication app = builder.Build();
        app.UseMiddleware<ErrorResponses>();
        app.UseMiddleware<ApiKeyCheck>();
        app.UseMiddleware<RateLimitCheck>();
        Map(app, host);
        return app;
    }

    private static void AddLogging(ILoggingBuilder logging)
    {
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ssZ ";
        });
        logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        logging.AddFilter("Azure", LogLevel.Warning);
    }

    private static void Listen(IWebHostBuilder web, FunctionsHost host) => web.ConfigureKestrel(kestrel =>
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = RequestBody.MaxDrainedBytes;
        if (host.Port is { } port)
            kestrel.Listen(IPAddress.Loopback, port);
    });

    private static void AddServices(IServiceCollection services, Gemma2Options options, FunctionsHost host)
    {
        services.Configure<HostOptions>(hosting =>
        {
            hosting.ShutdownTimeout = GraceOnStop;
            // Requests and jobs in hand share the time that is left.
            hosting.ServicesStopConcurrently = true;
        });
        services.AddSingleton(options);
        services.AddSingleton(host);
        services.AddSingleton<FatalStop>();
        services.AddSingleton<IEngineLoader, EngineLoader>();
        services.AddSingleton<ModelHost>();
        services.AddHostedService(provider => provider.GetRequiredService<ModelHost>());
        services.AddSingleton(new StreamOptions());
        services.AddSingleton<ErrorReporter>();
        services.AddSingleton<CompletionResponder>();
        services.AddSingleton<StateStream>();
        services.AddSingleton<RateLimits>();
    }

    /// <summary>The Functions host needs storage and delivers messages itself; without it, a model's folder can be served over HTTP alone.</summary>
    private static void AddQueue(IServiceCollection services, ConfigurationManager configuration, FunctionsHost host)
    {
        if (!host.IsPresent && !configuration.GetSection(StorageSection).Exists())
            return;
        services.AddSingleton(StorageConnection.FromSettings(key => configuration[key]));
        services.AddSingleton<QueueDispatcher>();
        services.AddSingleton<DeadLetterStore>();
        services.AddJobs(host);
        services.AddBatches(host);
    }

    private static void Map(WebApplication app, FunctionsHost host)
    {
        RootEndpoint.Map(app);
        HealthEndpoint.Map(app);
        ModelsEndpoint.Map(app);
        CompletionsEndpoint.Map(app);
        ChatCompletionsEndpoint.Map(app);
        FilesEndpoint.Map(app);
        BatchesEndpoint.Map(app);
        JobsEndpoint.Map(app);
        if (host.IsPresent)
            QueueFunction.Map(app);
    }
}
