using System.CommandLine;
using Gemma2.PlayedHost;
using Gemma2.PlayedHost.App;

var app = new Option<string>("--app") { Description = "The folder of the app.", Required = true };
var urls = new Option<string>("--urls") { Description = "Where the host listens.", DefaultValueFactory = _ => "http://127.0.0.1:0" };
var masterKey = new Option<string?>("--master-key") { Description = "The key for /admin; without it nobody may." };
var wrongs = new Option<Wrong[]>("--wrong") { Description = "Something that no real host sends.", DefaultValueFactory = _ => [] };
var command = new RootCommand("Plays an Azure Functions host of version 4 for one app on one machine.") { app, urls, masterKey, wrongs };
command.SetAction(async (arguments, stop) =>
{
    try
    {
        AppFolder folder = AppFolder.Read(arguments.GetRequiredValue(app));
        var options = new HostOptions(arguments.GetRequiredValue(urls), arguments.GetValue(masterKey), arguments.GetRequiredValue(wrongs));
        await new FunctionsHost(folder, options).RunAsync(stop);
        // A real host ends with 0 also where its worker could not be kept alive.
        return 0;
    }
    catch (Exception exception) when (exception is PlayedHostException or IOException)
    {
        Console.Error.WriteLine(exception.Message);
        return 1;
    }
});
// The host has its own idea of how long it takes to stop.
return await command.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = Timeout.InfiniteTimeSpan });
