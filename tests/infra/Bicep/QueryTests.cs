using System.Diagnostics;
using System.Text.Json;
using Gemma2.Functions.Tests;

namespace Gemma2.Infra.Tests.Bicep;

/// <summary>The alerts' queries, read by Kusto's own parser against the tables of Log Analytics: Azure looks at them when an alert is evaluated, not when it is deployed.</summary>
public sealed class QueryTests(Deployments deployments)
{
    private static string Checker { get; } = Path.Combine(Repository.Root, "tools/kql");

    [Theory]
    [InlineData("main")]
    [InlineData("containerapp")]
    [InlineData("everything")]
    public async Task Queries_OfAllAlerts_AreUnderstood(string name)
    {
        Deployment deployment = await deployments.PredictAsync(name);
        Dictionary<string, string> queries = deployment.Of("Microsoft.Insights/scheduledQueryRules").ToDictionary(
            Deployment.Name, alert => Deployment.Properties(alert).GetProperty("criteria").GetProperty("allOf").EnumerateArray().Single().GetProperty("query").GetString()!);

        Assert.NotEmpty(queries);
        Assert.Equal((0, ""), await CheckAsync(queries));
    }

    [Fact]
    public async Task Query_WithAnUnknownColumn_IsNot()
    {
        (int exitCode, string output) = await CheckAsync(new() { ["wrong"] = "StorageQueueLogs | where Nowhere == 1" });

        Assert.Equal(1, exitCode);
        Assert.StartsWith("wrong: The name 'Nowhere'", output, StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Output)> CheckAsync(Dictionary<string, string> queries)
    {
        if (!Directory.Exists(Path.Combine(Checker, "node_modules/@kusto"))) Assert.Skip("Kusto's parser is not installed: run 'npm ci --prefix tools/kql'.");
        using Process node = Process.Start(new ProcessStartInfo("node", [Path.Combine(Checker, "check.mjs")])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        await JsonSerializer.SerializeAsync(node.StandardInput.BaseStream, queries, cancellationToken: TestContext.Current.CancellationToken);
        node.StandardInput.Close();
        string output = await node.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await node.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (node.ExitCode, output);
    }
}
