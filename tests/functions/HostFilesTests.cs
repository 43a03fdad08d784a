using System.Text.Json;
using Gemma2.Functions.Completions;
using Gemma2.Functions.Configuration;
using Gemma2.Functions.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Gemma2.Functions.Tests;

/// <summary>The published folder is one that a Functions host can use as it is: its files agree with one another and with the app.</summary>
public sealed class HostFilesTests(PublishedApp published)
{
    [Fact]
    public void HostJson_CustomHandler_IsTheExecutableAndIsProxied()
    {
        JsonElement handler = Read("host.json").GetProperty("customHandler");
        string executable = handler.GetProperty("description").GetProperty("defaultExecutablePath").GetString()!;

        Assert.True(File.Exists(Path.Combine(published.Folder, executable)));
        Assert.Equal(published.Executable, Path.Combine(published.Folder, executable));
        Assert.True(handler.GetProperty("enableProxyingHttpRequest").GetBoolean());
        Assert.False(handler.TryGetProperty("enableForwardingHttpRequest", out _), "The older setting holds back streams.");
    }

    [Fact]
    public void HostJson_Queues_FollowTheSameRulesAsTheApp()
    {
        JsonElement queues = Read("host.json").GetProperty("extensions").GetProperty("queues");

        Assert.Equal(JobQueue.DefaultMaxDequeueCount, queues.GetProperty("maxDequeueCount").GetInt32());
        Assert.Equal("base64", queues.GetProperty("messageEncoding").GetString());
        Assert.Equal(QueuePoller.RetryDelay, TimeSpan.Parse(queues.GetProperty("visibilityTimeout").GetString()!, null));
        Assert.Equal(new Gemma2Options { Model = "nano" }.MaxSequences, queues.GetProperty("batchSize").GetInt32() + queues.GetProperty("newBatchThreshold").GetInt32());
    }

    [Fact]
    public void HostJson_FunctionTimeout_LeavesTheAppTimeToEndARequestItself() =>
        Assert.True(TimeSpan.Parse(Read("host.json").GetProperty("functionTimeout").GetString()!, null) > Completion.TimeLimit);

    [Fact]
    public async Task Functions_HttpTriggers_AreTheAppsEndpoints()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        IEnumerable<string> routes = app.App.Services.GetRequiredService<EndpointDataSource>().Endpoints
            .OfType<RouteEndpoint>().Select(endpoint => endpoint.RoutePattern.RawText!.TrimStart('/')).Where(route => route.Length > 0).Distinct();
        JsonElement[][] functions = [.. Functions().Select(Bindings).Where(bindings => Types(bindings).Contains("httpTrigger"))];

        // Proxying needs just these two; a route prefix or a route with a wildcard would change what the app sees.
        Assert.All(functions, bindings => Assert.Equal(["httpTrigger", "http"], Types(bindings)));
        Assert.Equal("", Read("host.json").GetProperty("extensions").GetProperty("http").GetProperty("routePrefix").GetString());
        Assert.Equal(routes.Order(), functions.Select(bindings => bindings[0].GetProperty("route").GetString()!).Order());
        // The app checks its own keys and answers wrong methods itself.
        Assert.All(functions, bindings => Assert.Equal("anonymous", bindings[0].GetProperty("authLevel").GetString()));
        Assert.All(functions, bindings => Assert.Contains("delete", bindings[0].GetProperty("methods").EnumerateArray().Select(method => method.GetString())));
    }

    [Fact]
    public async Task Functions_QueueTriggers_AreTheAppsQueueHandlers()
    {
        await using TestApp app = await TestApp.StartAsync(
            new ScriptedEngine(Vocabulary.Tokenizer), "AzureWebJobsStorage=UseDevelopmentStorage=true", $"{TestApp.CustomHandlerPort}={TestApp.FreePort()}");
        IEnumerable<(string, string)> handlers = app.App.Services.GetServices<IQueueHandler>().Select(handler => (handler.FunctionName, handler.Queue.Name));
        (string Function, JsonElement Trigger)[] functions =
            [.. Functions().Where(folder => Types(Bindings(folder)).Contains("queueTrigger")).Select(folder => (Path.GetFileName(folder), Bindings(folder).Single()))];

        Assert.Equal(handlers.Order(), functions.Select(function => (function.Function, function.Trigger.GetProperty("queueName").GetString()!)).Order());
        Assert.All(functions, function => Assert.Equal((HostInvocation.TriggerName, "AzureWebJobsStorage", "in"), (
            function.Trigger.GetProperty("name").GetString(), function.Trigger.GetProperty("connection").GetString(),
            function.Trigger.GetProperty("direction").GetString())));
        Assert.Subset(StorageNames.Queues.ToHashSet(), handlers.Select(handler => handler.Item2).ToHashSet());
    }

    [Fact]
    public void Functions_Published_AreAllOfTheSources() => Assert.Equal(
        Directory.GetDirectories(Path.Combine(Repository.Root, "functions/triggers")).Select(Path.GetFileName).Order(), Functions().Select(Path.GetFileName).Order());

    [Fact]
    public void LocalSettings_Sample_HasOnlySettingsThatTheAppKnows()
    {
        JsonElement values = Read("local.settings.sample.json").GetProperty("Values");
        var configuration = new ConfigurationManager();
        foreach (JsonProperty value in values.EnumerateObject())
            configuration[value.Name.Replace("__", ":", StringComparison.Ordinal)] = value.Value.GetString();

        Assert.Equal("custom", configuration["FUNCTIONS_WORKER_RUNTIME"]);
        Assert.NotEqual("", Gemma2OptionsReader.Read(configuration).Model);
    }

    private JsonElement Read(string file) => JsonElement.Parse(File.ReadAllText(Path.Combine(published.Folder, file)));

    private IEnumerable<string> Functions() => Directory.GetDirectories(published.Folder).Where(folder => File.Exists(Path.Combine(folder, "function.json")));

    private static JsonElement[] Bindings(string folder) =>
        [.. JsonElement.Parse(File.ReadAllText(Path.Combine(folder, "function.json"))).GetProperty("bindings").EnumerateArray()];

    private static IEnumerable<string?> Types(JsonElement[] bindings) => bindings.Select(binding => binding.GetProperty("type").GetString());
}
