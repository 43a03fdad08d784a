using Gemma2.Service;

namespace Gemma2.Functions.Hosts.Standalone;

/// <summary>The app by itself: it listens on Kestrel, polls its queues and keeps its own time.</summary>
internal static class StandaloneHost
{
    // Container platforms kill a container 30 s after its SIGTERM.
    private static readonly TimeSpan GraceOnStop = TimeSpan.FromSeconds(25);

    /// <summary>Builds the app from the command line and the environment.</summary>
    /// <param name="args">Settings as <c>--Gemma2:Model=nano</c>, for those who prefer them to the environment.</param>
    /// <param name="configure">Replaces parts, for tests.</param>
    /// <exception cref="Backend.Gemma2Exception">A setting is wrong.</exception>
    public static WebApplication Build(string[] args, Action<IServiceCollection>? configure = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
        bool hasStorage = AppServices.Add(builder, needsStorage: false);
        builder.Services.Configure<HostOptions>(hosting =>
        {
            hosting.ShutdownTimeout = GraceOnStop;
            // Requests and jobs in hand share the time that is left.
            hosting.ServicesStopConcurrently = true;
        });
        DrainingServer.Add(builder.Services);
        if (hasStorage)
            AddDelivery(builder.Services);
        configure?.Invoke(builder.Services);
        WebApplication app = builder.Build();
        app.UseGemma2();
        return app;
    }

    /// <summary>What the Functions host does where there is one: a poller for each queue, and a timer.</summary>
    private static void AddDelivery(IServiceCollection services)
    {
        services.AddHostedService<QueuePollers>();
        services.AddHostedService<SweepTimer>();
    }
}
