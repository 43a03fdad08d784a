using System.Globalization;
using System.Text.Json;
using Gemma2.Cli.Planning;
using Gemma2.Cli.Planning.Settings;
using Gemma2.Cli.Planning.Simulation;
using Gemma2.Functions.Tests;
using Gemma2.Service.Options;
using Gemma2.Storage;

namespace Gemma2.Infra.Tests.Bicep;

/// <summary>What <c>gemma2 plan</c> takes for granted is what a deployment makes.</summary>
public sealed class PlannerTests(Deployments deployments)
{
    // US dollars a second in East US, as docs/capacity.md has them with their source.
    private const decimal VcpuPrice = 0.000024m;
    private const decimal GibPrice = 0.000003m;
    private static readonly Dictionary<string, decimal> GpuPrices = new() { ["t4"] = 0.000073m, ["a100"] = 0.000529m };

    private static string Samples { get; } = Path.Combine(Repository.Root, "samples/plans");

    public static TheoryData<string> Scenarios { get; } = [.. Directory.GetFiles(Samples, "*.json").Select(file => Path.GetFileName(file)!)];

    [Fact]
    public async Task Defaults_OfAPlan_AreThoseOfADeployment()
    {
        Deployment deployment = await deployments.PredictAsync("main");
        JsonElement rule = deployment.Scale.GetProperty("rules").EnumerateArray().Single(rule => rule.GetProperty("name").GetString() == StorageNames.CompletionRequests);
        var settings = new Gemma2Options { Model = "nano" };

        SimulationOptions plan = Plan("""{"model": "2b", "type": "q8_0", "gpu": "t4", "requests_per_hour": 1}""").Simulation;

        Assert.Equal(deployment.Scale.GetProperty("pollingInterval").GetDouble(), plan.Scaling.PollingInterval);
        Assert.Equal(deployment.Scale.GetProperty("cooldownPeriod").GetDouble(), plan.Scaling.Cooldown);
        Assert.Equal(deployment.Scale.GetProperty("minReplicas").GetInt32(), plan.Scaling.MinReplicas);
        Assert.Equal(rule.GetProperty("custom").GetProperty("metadata").GetProperty("queueLength").GetString(), plan.Scaling.QueueLength.ToString(CultureInfo.InvariantCulture));
        Assert.Equal(settings.JobsAtOnce, plan.Sequences);
        Assert.Equal(settings.QueueLease.TotalSeconds, plan.LeaseSeconds);
    }

    /// <summary>A replica with a GPU has its whole profile, and all of it is billed.</summary>
    [Theory]
    [MemberData(nameof(Scenarios))]
    public async Task Price_OfASample_IsThatOfTheReplicaThatIsDeployed(string name)
    {
        string file = Path.Combine(Samples, name);
        JsonElement scenario = JsonElement.Parse(await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
        string gpu = scenario.GetProperty("gpu").GetString()!;
        JsonElement size = (await deployments.PredictAsync(gpu == "t4" ? "main" : "a100-27b")).Container.GetProperty("resources");
        decimal gib = decimal.Parse(size.GetProperty("memory").GetString()!.Replace("Gi", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
        decimal second = GpuPrices[gpu] + (size.GetProperty("cpu").GetDecimal() * VcpuPrice) + (gib * GibPrice);

        Assert.Equal(decimal.Round(second * 3600, 2), scenario.GetProperty("price_per_gpu_hour").GetDecimal());
        Assert.Contains(GpuPrices[gpu].ToString(CultureInfo.InvariantCulture), scenario.GetProperty("price_source").GetString(), StringComparison.Ordinal);
        Assert.NotNull(Plan(await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken), file).PricePerGpuHour);
    }

    private static Plan Plan(string json, string file = "scenario.json") => PlanBuilder.Build(Scenario.Parse(json, file));
}
