using Gemma2.Backend;
using Gemma2.Functions.Hosts.Standalone;
using Gemma2.Functions.Hosts.Worker;
using Gemma2.Service.Lifetime;
using Grpc.Core;

bool isWorker = WorkerHost.IsWanted(args);
try
{
    using IHost app = isWorker ? WorkerHost.Build(args) : StandaloneHost.Build(args);
    var fatalStop = app.Services.GetRequiredService<FatalStop>();
    await app.RunAsync();
    return isWorker && fatalStop.ExitCode == 0 ? WorkerHost.StoppedExitCode : fatalStop.ExitCode;
}
catch (Exception exception) when (exception is Gemma2Exception or IOException)
{
    // A wrong setting, or a port that is taken: one line says which.
    Console.Error.WriteLine(exception.Message);
    return 1;
}
catch (RpcException exception)
{
    Console.Error.WriteLine($"The Functions host does not answer: {exception.Status.Detail}");
    return 1;
}
