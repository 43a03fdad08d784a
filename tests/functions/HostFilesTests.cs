using System.Reflection;
using System.Text.Json;
using Gemma2.Functions.Configuration;
using Gemma2.Functions.Hosts.Standalone;
using Gemma2.Service.Batches;
using Gemma2.Service.Completions;
using Gemma2.Service.Options;
using Gemma2.Service.Queue;
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
    public void HostJson_Queues_FollowTheSameRulesAsTheApp()
    {
        JsonElement queues = Read("host.json").GetProperty("extensions").GetProperty("queues");

        Assert.Equal(JobQueue.DefaultMaxDequeueCount, queues.GetProperty("maxDequeueCount").GetInt32());
        Assert.Equal("none", queues.GetProperty("messageEncoding").GetString());
        Assert.Equal(MessageProcessor.RetryDelay, TimeSpan.Parse(queues.GetProperty("visibilityTimeout").GetString()!, null));
        Assert.Equal(new Gemma2Options { Model = "nano" }.JobsAtOnce, queues.GetProperty("batchSize").GetInt32() + queues.GetProperty("newBatchThreshold").GetInt32());
    }

    [Fact]
    public void HostJson_FunctionTimeout_LeavesTheAppTimeToEndARequestItself() =>
        Assert.True(TimeSpan.Parse(Read("host.json").GetProperty("functionTimeout").GetString()!, null) > Completion.TimeLimit);

    [Fact]
    public void Published_CustomHandler_IsGone()
    {
        // It would win over the worker, without a word.
        Assert.False(Read("host.json").TryGetProperty("customHandler", out _));
        Assert.Empty(Directory.EnumerateFiles(published.Folder, "function.json", SearchOption.AllDirectories));
    }

    [Fact]
    public void WorkerConfig_Worker_IsTheApp()
    {
        JsonElement worker = Read("worker.config.json").GetProperty("description");

        Assert.Equal("dotnet-isolated", worker.GetProperty("language").GetString());
        Assert.Equal("dotnet", worker.GetProperty("defaultExecutablePath").GetString());
        Assert.True(File.Exists(Path.Combine(published.Folder, worker.GetProperty("defaultWorkerPath").GetString()!)));
    }

    [Fact]
    public void Extensions_Assemblies_AreThereInTheVersionsThatAreNamed()
    {
        JsonElement[] extensions = [.. Read("extensions.json").GetProperty("extensions").EnumerateArray()];

        Assert.Contains(extensions, extension => extension.GetProperty("name").GetString() == "AzureStorageQueues");
        Assert.All(extensions, extension =>
        {
            var named = new AssemblyName(string.Join(',', extension.GetProperty("typeName").GetString()!.Split(',')[1..]).Trim());
            AssemblyName found = AssemblyName.GetAssemblyName(Path.Combine(published.Folder, extension.GetProperty("hintPath").GetString()!));
            Assert.Equal((named.Name, named.Version), (found.Name, found.Version));
        });
    }

    [Fact]
    public void Functions_HttpTrigger_IsOneForAllRequests()
    {
        JsonElement trigger = Assert.Single(Triggers("httpTrigger")).Trigger;

        // A route prefix would change what the app sees. The app checks its own keys and answers wrong methods itself.
        Assert.Equal("", Read("host.json").GetProperty("extensions").GetProperty("http").GetProperty("routePrefix").GetString());
        Assert.Equal("{*path}", trigger.GetProperty("route").GetString());
        Assert.Equal("Anonymous", trigger.GetProperty("authLevel").GetString());
        Assert.Equal(
            ["delete", "get", "head", "options", "patch", "post", "put"], trigger.GetProperty("methods").EnumerateArray().Select(method => method.GetString()!).Order());
    }

    [Fact]
    public async Task Functions_QueueTriggers_AreTheAppsQueueHandlers()
    {
        await using TestApp app = await TestApp.StartAsync(
            new ScriptedEngine(Vocabulary.Tokenizer), "AzureWebJobsStorage=UseDevelopmentStorage=true", TestApp.WithoutPollers);
        string[] queues = [.. app.App.Services.GetServices<IQueueHandler>().Select(handler => handler.Queue.Name).Order()];
        (string Function, JsonElement Trigger)[] functions = [.. Triggers("queueTrigger")];

        Assert.Equal(queues, functions.Select(function => function.Trigger.GetProperty("queueName").GetString()!).Order());
        Assert.Equal(StorageNames.Queues.Order(), queues);
        Assert.All(functions, function => Assert.Equal("AzureWebJobsStorage", function.Trigger.GetProperty("connection").GetString()));
        // The names that monitoring and a platform's settings (AzureWebJobs.NAME.Disabled) go by.
        Assert.All(functions, function => Assert.Equal(
            function.Trigger.GetProperty("queueName").GetString()!.Replace("-", "", StringComparison.Ordinal).Replace("requests", "request", StringComparison.Ordinal),
            function.Function, ignoreCase: true));
    }

    [Fact]
    public void Functions_Timer_IsTheSweepersInterval()
    {
        JsonElement trigger = Assert.Single(Triggers("timerTrigger")).Trigger;

        Assert.Equal("0 * * * * *", trigger.GetProperty("schedule").GetString());
        Assert.Equal(TimeSpan.FromMinutes(1), Sweeper.Interval);
    }

    [Fact]
    public void LocalSettings_Sample_HasOnlySettingsThatTheAppKnows()
    {
        JsonElement values = Read("local.settings.sample.json").GetProperty("Values");
        var configuration = new ConfigurationManager();
        foreach (JsonProperty value in values.EnumerateObject())
            configuration[value.Name.Replace("__", ":", StringComparison.Ordinal)] = value.Value.GetString();

        Assert.Equal("dotnet-isolated", configuration["FUNCTIONS_WORKER_RUNTIME"]);
        Assert.NotEqual("", Gemma2OptionsReader.Read(configuration).Model);
    }

    private JsonElement Read(string file) => JsonElement.Parse(File.ReadAllText(Path.Combine(published.Folder, file)));

    private IEnumerable<(string Function, JsonElement Trigger)> Triggers(string type) =>
        from function in Read("functions.metadata").EnumerateArray()
        from binding in function.GetProperty("bindings").EnumerateArray()
        where binding.GetProperty("type").GetString() == type
        select (function.GetProperty("name").GetString()!, binding);
}
