using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml;
using Gemma2.Functions.Tests;
using Gemma2.Storage;

namespace Gemma2.Infra.Tests.Bicep;

/// <summary>Alerts read what the app and the platform write; each leads to the page that says what to do.</summary>
public sealed partial class AlertTests(Deployments deployments)
{
    private static readonly string[] Always = ["old-messages", "poison", "restarts", "server-errors", "slow-answers", "slow-start"];

    /// <summary>What there is nothing of to watch has no alert: a GPU, a limit of logs, replicas that come and go.</summary>
    [Theory]
    [InlineData("main", "no-gpu", "no-logs", "saturated")]
    [InlineData("no-gpu", "no-logs", "saturated")]
    [InlineData("everything", "no-gpu", "saturated")]
    [InlineData("always-on", "no-gpu", "no-logs")]
    public async Task Alerts_OfADeployment_AreThoseThatItNeeds(string name, params string[] more)
    {
        string app = Deployment.Name((await deployments.PredictAsync(name)).App);

        Assert.Equal(Always.Concat(more).Select(alert => $"{app}-{alert}").Order(), (await AlertsAsync(name)).Select(Deployment.Name).Order());
    }

    [Fact]
    public async Task Alerts_Descriptions_NameASectionOfTheDocumentation()
    {
        string[] headings = [.. File.ReadLines(Path.Combine(Repository.Root, "docs/operations-azure.md")).Where(line => line.StartsWith('#')).Select(line => line.TrimStart('#', ' '))];

        string[] sections = [.. (await AlertsAsync("main")).Select(alert => Reference().Match(Deployment.Properties(alert).GetProperty("description").GetString()!).Groups["section"].Value)];

        Assert.Empty(sections.Except(headings));
    }

    /// <summary>A line that is written in other words raises no alert any more.</summary>
    [Theory]
    [InlineData("slow-start", "loaded in", "\"Model {Model} loaded in {Seconds:0.0} s")]
    [InlineData("slow-answers", "first after", "first after {FirstSeconds:0.000} s, ")]
    [InlineData("old-messages", "the oldest message has waited", "\"Queue {Queue}: the oldest message has waited {Seconds} s\"")]
    public async Task Queries_OfTheAppsLog_LookForLinesThatTheAppWrites(string alert, string words, string line)
    {
        Assert.Contains($"Log has \"{words}\"", Query(await AlertAsync("main", alert)), StringComparison.Ordinal);
        Assert.Contains(AppSources(), source => File.ReadAllText(source).Contains(line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Poison_Query_FindsTheAppsPoisonQueues() =>
        Assert.Contains($"endswith \"{StorageNames.PoisonSuffix}\"", Query(await AlertAsync("main", "poison")), StringComparison.Ordinal);

    /// <summary>What happened before a query's window is not seen: a state that lasts longer than that would be taken for a new one.</summary>
    [Theory]
    [InlineData("slow-start", 55)]
    [InlineData("no-gpu", 300)]
    [InlineData("old-messages", 720)]
    public async Task Queries_OfWaiting_SeeFurtherBackThanTheLongestWaitThatCanBeSet(string alert, int minutes)
    {
        string window = Deployment.Properties(await AlertAsync("main", alert)).GetProperty("windowSize").GetString()!;

        Assert.True(XmlConvert.ToTimeSpan(window) > TimeSpan.FromMinutes(minutes), $"{window} is not more than {minutes} minutes.");
    }

    /// <summary>The metric of restarts is the state of each replica: it would keep the alert on after the last restart, or miss a replica that is gone.</summary>
    [Fact]
    public async Task Restarts_Alert_CountsWhatTheLogSaysHappened()
    {
        Assert.Contains("terminated with exit code", Query(await AlertAsync("main", "restarts")), StringComparison.Ordinal);
        Assert.DoesNotContain("RestartCount", (await deployments.PredictAsync("main")).Snapshot, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("server-errors", "Requests", "Total")]
    [InlineData("saturated", "Replicas", "Minimum")]
    public async Task Metrics_Alerts_AreOfTheApp(string alert, string metric, string aggregation)
    {
        Deployment deployment = await deployments.PredictAsync("main");
        JsonElement properties = Deployment.Properties(await AlertAsync("main", alert));
        JsonElement criterion = properties.GetProperty("criteria").GetProperty("allOf").EnumerateArray().Single();

        Assert.Equal(deployment.App.GetProperty("id").GetString(), properties.GetProperty("scopes").EnumerateArray().Single().GetString());
        Assert.Equal((metric, aggregation), (criterion.GetProperty("metricName").GetString(), criterion.GetProperty("timeAggregation").GetString()));
    }

    [Fact]
    public async Task Saturated_Threshold_IsTheMostReplicas()
    {
        Deployment deployment = await deployments.PredictAsync("everything");
        JsonElement criterion = Deployment.Properties(await AlertAsync("everything", "saturated")).GetProperty("criteria").GetProperty("allOf").EnumerateArray().Single();

        Assert.Equal(deployment.Scale.GetProperty("maxReplicas").GetInt32(), criterion.GetProperty("threshold").GetInt32());
    }

    [Fact]
    public async Task Alerts_WithAddresses_MailThem()
    {
        Deployment deployment = await deployments.PredictAsync("everything");
        string group = deployment.Single("Microsoft.Insights/actionGroups").GetProperty("id").GetString()!;

        Assert.All(await AlertsAsync("everything"), alert => Assert.Contains(group, Deployment.Properties(alert).GetProperty("actions").GetRawText(), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Logs_ThatAlertsRead_AreSentToTheWorkspace()
    {
        Deployment deployment = await deployments.PredictAsync("main");

        Assert.Equal(
            ["ContainerAppConsoleLogs", "ContainerAppSystemLogs", "StorageDelete", "StorageWrite"],
            deployment.Of("Microsoft.Insights/diagnosticSettings").SelectMany(setting => Deployment.Properties(setting).GetProperty("logs").EnumerateArray())
                .Select(log => log.GetProperty("category").GetString()!).Order());
    }

    private async Task<IReadOnlyList<JsonElement>> AlertsAsync(string name)
    {
        Deployment deployment = await deployments.PredictAsync(name);
        return [.. deployment.Of("Microsoft.Insights/scheduledQueryRules"), .. deployment.Of("Microsoft.Insights/metricAlerts")];
    }

    private async Task<JsonElement> AlertAsync(string name, string alert) =>
        (await AlertsAsync(name)).Single(candidate => Deployment.Name(candidate).EndsWith($"-{alert}", StringComparison.Ordinal));

    private static IEnumerable<string> AppSources() => Directory.EnumerateFiles(Repository.Root, "*.cs", SearchOption.AllDirectories)
        .Where(file => !Path.GetRelativePath(Repository.Root, file).StartsWith("tests", StringComparison.Ordinal));

    private static string Query(JsonElement alert) =>
        Deployment.Properties(alert).GetProperty("criteria").GetProperty("allOf").EnumerateArray().Single().GetProperty("query").GetString()!;

    [GeneratedRegex("see docs/operations-azure\\.md, \"(?<section>[^\"]+)\"")]
    private static partial Regex Reference();
}
