using Gemma2.Backend;
using Gemma2.Functions;
using Gemma2.Functions.Hosting;

try
{
    await using WebApplication app = FunctionApp.Build(args);
    var fatalStop = app.Services.GetRequiredService<FatalStop>();
    await app.RunAsync();
    return fatalStop.ExitCode;
}
catch (Exception exception) when (exception is Gemma2Exception or IOException)
{
    // A wrong setting, or a port that is taken: one line says which.
    Console.Error.WriteLine(exception.Message);
    return 1;
}
