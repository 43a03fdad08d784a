using System.CommandLine;
using Gemma2.PlayedHost;
using Gemma2.PlayedHost.App;

var app = new Option<string>("--app") { Description = "The folder of the app.", Required = true };
var urls = new Option<string>("--urls") { Description = "Where the host listens.", DefaultValueFactory = _ => "http://127.0.0.1:0" };
var masterKey = new Option<string?>("--master-key") { Description = "The key for /admin; without it nobody may." };
var lease = new Option<double>("--lease-seconds") { Description = "How long messages in work are hidden at a time.", DefaultValueFactory = _ => 600 };
var drain = new Option<double>("--drain-seconds") { Description = "How long what runs may go on when the host stops.", DefaultValueFactory = _ => 10 };
var restart = new Option<double>("--restart-seconds") { Description = "From one start of a worker that failed to the next, at least.", DefaultValueFactory = _ => 10 };
var wrongs = new Option<Wrong[]>("--wrong") { Description = "Something that no real host sends.", DefaultValueFactory = _ => [] };
var command = new RootCommand("Plays an Azure Functions host of version 4 for one app on one machine.") { app, urls, masterKey, lease, drain, restart, wrongs };
command.SetAction(async (arguments, stop) =>
{
    try
    {
        AppFolder folder = AppFolder.Read(arguments.GetRequiredValue(app));
        var options = new HostOptions(
            arguments.GetRequiredValue(urls), arguments.GetValue(masterKey), TimeSpan.FromSeconds(arguments.GetRequiredValue(lease)),
            TimeSpan.FromSeconds(arguments.GetRequiredValue(drain)), TimeSpan.FromSeconds(arguments.GetRequiredValue(restart)), arguments.GetRequiredValue(wrongs));
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
