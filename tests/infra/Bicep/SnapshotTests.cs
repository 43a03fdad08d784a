using System.Text.Json;

namespace Gemma2.Infra.Tests.Bicep;

/// <summary>The committed snapshots show in a review what a change of the sources does to a deployment.</summary>
public sealed class SnapshotTests(Deployments deployments)
{
    private const string Renewal = "RENEW_SNAPSHOTS";

    public static TheoryData<string> Shipped { get; } = [.. Deployments.Shipped];

    [Theory]
    [MemberData(nameof(Shipped))]
    public async Task Snapshot_Committed_IsWhatADeploymentWouldMake(string name)
    {
        Deployment deployment = await deployments.PredictAsync(name);
        string file = Path.Combine(Deployments.Sources, $"{name}.snapshot.json");
        string committed = File.Exists(file) ? await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken) : "{}";

        // The CLI's order of outputs is not always the same.
        if (JsonElement.DeepEquals(JsonElement.Parse(committed), JsonElement.Parse(deployment.Snapshot))) return;
        if (Environment.GetEnvironmentVariable(Renewal) == "true")
            await File.WriteAllTextAsync(file, deployment.Snapshot, TestContext.Current.CancellationToken);
        else
            Assert.Fail($"""
                A deployment of {name}.bicepparam would make something else than infra/bicep/{name}.snapshot.json says:
                {await deployments.DifferenceAsync(name, committed)}
                If that is meant: {Renewal}=true tests/infra/bin/Release/net10.0/Infra.Tests -class '*.SnapshotTests'
                """);
    }
}
