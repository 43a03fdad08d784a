using System.Diagnostics;
using Gemma2.Backend;
using Gemma2.Backend.Startup;
using Gemma2.Functions.Configuration;
using Gemma2.Functions.Hosts.Standalone;
using Gemma2.Functions.Hosts.Worker;
using Gemma2.Service.Lifetime;
using Grpc.Core;

const int Failed = 1;
if (SettingsHelp.IsWanted(args))
{
    SettingsHelp.Print(Console.Out);
    return 0;
}
StartupTimeline timeline = StartupTimeline.OfProcess(Stopwatch.GetTimestamp());
StartupSpan hosting = timeline.Begin(StartupStages.Host);
bool isWorker = WorkerHost.IsWanted(args);
try
{
    using IHost app = isWorker ? WorkerHost.Build(args, AddTimeline) : StandaloneHost.Build(args, AddTimeline);
    await app.StartAsync();
    hosting.Dispose();
    await app.WaitForShutdownAsync();
    int exitCode = app.Services.GetRequiredService<FatalStop>().ExitCode;
    return exitCode == 0 && isWorker ? WorkerHost.StoppedExitCode : exitCode;
}
catch (Exception exception) when (exception is Gemma2Exception or IOException)
{
    // A wrong setting, or a port that is taken: one line says which.
    Console.Error.WriteLine(exception.Message);
    return Failed;
}
catch (RpcException exception)
{
    Console.Error.WriteLine($"The Functions host that started this worker does not answer: {exception.Status.Detail}");
    return Failed;
}

void AddTimeline(IServiceCollection services) => services.AddSingleton(timeline);
