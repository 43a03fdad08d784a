using System.Text.Json;
using System.Text.RegularExpressions;
using Gemma2.Functions.Tests;
using Gemma2.Storage;

namespace Gemma2.Infra.Tests.Bicep;

/// <summary>Alerts read what the app and the platform write; each leads to the page that says what to do.</summary>
public sealed partial class AlertTests(Deployments deployments)
{
    [Fact]
    public async Task Alerts_OfADeployment_AreTheFour()
    {
        string app = Deployment.Name((await deployments.PredictAsync("main")).App);

        Assert.Equal(
            [$"{app}-old-messages", $"{app}-poison", $"{app}-restarts", $"{app}-slow-start"],
            (await AlertsAsync("main")).Select(Deployment.Name).Order());
    }

    [Fact]
    public async Task Alerts_Descriptions_NameASectionOfTheDocumentation()
    {
        string[] headings = [.. File.ReadLines(Path.Combine(Repository.Root, "docs/operations-azure.md")).Where(line => line.StartsWith('#')).Select(line => line.TrimStart('#', ' '))];

        string[] sections = [.. (await AlertsAsync("main")).Select(alert => Reference().Match(Deployment.Properties(alert).GetProperty("description").GetString()!).Groups["section"].Value)];

        Assert.Empty(sections.Except(headings));
    }

    [Fact]
    public async Task SlowStart_Query_LooksForALineThatTheAppWrites()
    {
        JsonElement alert = (await AlertsAsync("main")).Single(alert => Deployment.Name(alert).EndsWith("-slow-start", StringComparison.Ordinal));

        Assert.Contains("Log has \"loaded in\"", Query(alert), StringComparison.Ordinal);
        Assert.Contains("\"Model {Model} loaded in {Seconds:0.0} s", File.ReadAllText(Path.Combine(Repository.Root, "service/Model/ModelHost.cs")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Poison_Query_FindsTheAppsPoisonQueues()
    {
        JsonElement alert = (await AlertsAsync("main")).Single(alert => Deployment.Name(alert).EndsWith("-poison", StringComparison.Ordinal));

        Assert.Contains($"endswith \"{StorageNames.PoisonSuffix}\"", Query(alert), StringComparison.Ordinal);
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

    private static string Query(JsonElement alert) =>
        Deployment.Properties(alert).GetProperty("criteria").GetProperty("allOf").EnumerateArray().Single().GetProperty("query").GetString()!;

    [GeneratedRegex("see docs/operations-azure\\.md, \"(?<section>[^\"]+)\"")]
    private static partial Regex Reference();
}
