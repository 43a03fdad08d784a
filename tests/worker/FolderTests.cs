using System.Text.Json;
using Gemma2.Storage;

namespace Gemma2.Worker.Tests;

/// <summary>The published folder is one that a Functions host of version 4 takes as a .NET isolated worker, with nothing added.</summary>
public sealed class FolderTests(PublishedFolder folder)
{
    [Fact]
    public void Metadata_Functions_AreAllWithTheirTriggers()
    {
        IEnumerable<string> functions = Read("functions.metadata").EnumerateArray().Select(Describe);

        Assert.Equal(
            [
                $"BatchRequest queueTrigger {StorageNames.BatchRequests}", $"BatchRequestPoison queueTrigger {StorageNames.BatchRequests}{StorageNames.PoisonSuffix}",
                $"CompletionRequest queueTrigger {StorageNames.CompletionRequests}",
                $"CompletionRequestPoison queueTrigger {StorageNames.CompletionRequests}{StorageNames.PoisonSuffix}",
                "Http httpTrigger {*path}", "Sweep timerTrigger 0 * * * * *",
            ],
            functions.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Metadata_EachFunction_IsOfThePublishedAssembly() => Assert.All(Read("functions.metadata").EnumerateArray(), function =>
    {
        Assert.Equal("dotnet-isolated", function.GetProperty("language").GetString());
        Assert.True(File.Exists(Path.Combine(folder.Path, function.GetProperty("scriptFile").GetString()!)));
    });

    [Fact]
    public void Metadata_Queues_AreThoseOfStorage() => Assert.Equal(
        StorageNames.Queues.Order(),
        Read("functions.metadata").EnumerateArray().Select(Trigger).Where(trigger => trigger.TryGetProperty("queueName", out _))
            .Select(trigger => trigger.GetProperty("queueName").GetString()!).Order());

    [Fact]
    public void WorkerConfig_Description_StartsTheAssemblyWithDotnet()
    {
        JsonElement description = Read("worker.config.json").GetProperty("description");

        Assert.Equal("dotnet-isolated", description.GetProperty("language").GetString());
        Assert.Equal("dotnet", description.GetProperty("defaultExecutablePath").GetString());
        Assert.True(File.Exists(Path.Combine(folder.Path, description.GetProperty("defaultWorkerPath").GetString()!)));
    }

    [Fact]
    public void Extensions_EachLibrary_LiesInTheFolder()
    {
        JsonElement[] extensions = [.. Read("extensions.json").GetProperty("extensions").EnumerateArray()];

        Assert.Contains(extensions, extension => extension.GetProperty("name").GetString() == "AzureStorageQueues");
        Assert.All(extensions, extension => Assert.True(File.Exists(Path.Combine(folder.Path, extension.GetProperty("hintPath").GetString()!))));
    }

    [Fact]
    public void HostJson_Settings_LeaveMessagesAndRoutesToTheApp()
    {
        JsonElement host = Read("host.json");

        Assert.Equal("2.0", host.GetProperty("version").GetString());
        // With it a host would start that, and no worker.
        Assert.False(host.TryGetProperty("customHandler", out _));
        // With any other the extension decodes: what it cannot decode would circle in the poison queue.
        Assert.Equal("none", host.GetProperty("extensions").GetProperty("queues").GetProperty("messageEncoding").GetString());
        Assert.Equal("", host.GetProperty("extensions").GetProperty("http").GetProperty("routePrefix").GetString());
        // Its lines of information are thousands a minute, and the host's own delete of a message that the app has deleted is a warning.
        Assert.Equal("Error", host.GetProperty("logging").GetProperty("logLevel").GetProperty("Azure.Core").GetString());
    }

    [Fact]
    public void Folders_WithAFunctionJson_AreNone() => Assert.Empty(Directory.GetFiles(folder.Path, "function.json", SearchOption.AllDirectories));

    private JsonElement Read(string file) => JsonElement.Parse(File.ReadAllText(Path.Combine(folder.Path, file)));

    private static JsonElement Trigger(JsonElement function) => Assert.Single(function.GetProperty("bindings").EnumerateArray());

    private static string Describe(JsonElement function)
    {
        JsonElement trigger = Trigger(function);
        string type = trigger.GetProperty("type").GetString()!;
        string what = trigger.GetProperty(type switch { "queueTrigger" => "queueName", "httpTrigger" => "route", _ => "schedule" }).GetString()!;
        return $"{function.GetProperty("name").GetString()} {type} {what}";
    }
}
