using Microsoft.Azure.Functions.Worker.Builder;

namespace Gemma2.Functions.Hosts.Worker;

/// <summary>The app as an isolated worker of an Azure Functions host, which listens, takes messages from queues and keeps the time.</summary>
internal static class WorkerHost
{
    /// <summary>What the process ends with, unless something failed: as a process that SIGTERM ended. A host never starts a worker again that ended with 0.</summary>
    public const int StoppedExitCode = 128 + 15;

    // Hosts kill a worker 5 s after they told it to end.
    private static readonly TimeSpan GraceOnStop = TimeSpan.FromSeconds(4.5);

    /// <summary>Whether a Functions host has started this process: it says where it is to be reached.</summary>
    public static bool IsWanted(string[] args) => args.Any(argument => argument == "--" + HostArguments.HostUri || argument.StartsWith($"--{HostArguments.HostUri}=", StringComparison.Ordinal));

    /// <summary>Builds the app from the command line and the environment.</summary>
    /// <param name="args">What the host says, and settings.</param>
    /// <param name="configure">Looks at the parts, or replaces some, for tests.</param>
    /// <exception cref="Backend.Gemma2Exception">A setting is wrong.</exception>
    public static IHost Build(string[] args, Action<IServiceCollection>? configure = null)
    {
        FunctionsApplicationBuilder builder = FunctionsApplication.CreateBuilder(args);
        HostArguments.Check(builder.Configuration);
        FunctionsMetadata.Check(AppContext.BaseDirectory);
        builder.ConfigureFunctionsWebApplication();
        AppServices.Add(builder, needsStorage: true);
        // It would log with its stack what a function throws; the app has said it in one line by then, and the host says it too.
        builder.Logging.AddFilter("Microsoft.Azure.Functions.Worker.FunctionsApplication", LogLevel.None);
        builder.Services.Configure<HostOptions>(hosting =>
        {
            hosting.ShutdownTimeout = GraceOnStop;
            hosting.ServicesStopConcurrently = true;
        });
        DrainingServer.Add(builder.Services);
        builder.Services.AddSingleton<WorkerPipeline>();
        builder.Services.AddSingleton<MessagesInHand>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<MessagesInHand>());
        builder.Services.AddHostedService<HostWatch>();
        if (SweepFunction.IsDisabled(builder.Configuration))
            builder.Services.AddHostedService<SweepTimer>();
        configure?.Invoke(builder.Services);
        return builder.Build();
    }
}
