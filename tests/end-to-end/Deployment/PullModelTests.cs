using System.Text.Json;

namespace Gemma2.EndToEnd.Tests.Deployment;

/// <summary>A model that a job in the cloud pulls: the job that infra/deploy.sh makes. It runs <c>gemma2 push hf:...</c>, which has tests of its own.</summary>
public sealed class PullModelTests : IDisposable
{
    private readonly FakeAzure _azure = new();

    /// <inheritdoc/>
    public void Dispose() => _azure.Dispose();

    [Fact]
    public async Task Deploy_ModelOfHuggingFace_IsPulledByAJobInTheEnvironment()
    {
        _azure.Variable("HF_TOKEN", "hf_Secret");
        (int exitCode, string output) = await _azure.DeployAsync("--location", "swedencentral", "--model", "hf:google/Gemma-2-2b-it", "--image-tag", "v1", "--no-smoke");

        Assert.True(exitCode == 0, output);
        Assert.Contains("GEMMA2_MODEL=gemma-2-2b-it", _azure.Parameters);
        string[] calls = [.. _azure.Calls.Where(call => call.Contains("job", StringComparison.Ordinal)).Select(call => call.Replace(" [keys]", "", StringComparison.Ordinal))];
        string job = $"/subscriptions/{FakeAzure.Subscription}/resourceGroups/rg-trial/providers/Microsoft.App/jobs/pull-trial?api-version=2026-07-01";
        Assert.Equal(
            [
                $"az rest --method put --url {job} --headers Content-Type=application/json --body @- --output none",
                $"az rest --method get --url {job} --query properties.provisioningState --output tsv",
                "az containerapp job start --name pull-trial --resource-group rg-trial --query name --output tsv",
                "az containerapp job execution show --name pull-trial --resource-group rg-trial --job-execution-name pull-trial-abc --query properties.status --output tsv",
                "az containerapp job delete --name pull-trial --resource-group rg-trial --yes --output none",
            ],
            calls);
        JsonElement properties = JsonDocument.Parse(File.ReadAllText(_azure.PathOf("job"))).RootElement.GetProperty("properties");
        JsonElement container = properties.GetProperty("template").GetProperty("containers")[0];
        Assert.Equal($"/subscriptions/{FakeAzure.Subscription}/resourceGroups/rg-trial/providers/Microsoft.App/managedEnvironments/cae-gemma2-abc", properties.GetProperty("environmentId").GetString());
        Assert.Equal("crgemma2abc.azurecr.io/gemma2-functions:v1", container.GetProperty("image").GetString());
        Assert.Equal(["gemma2"], container.GetProperty("command").EnumerateArray().Select(word => word.GetString()));
        Assert.Equal(["push", "hf:google/Gemma-2-2b-it", "gemma-2-2b-it"], container.GetProperty("args").EnumerateArray().Select(argument => argument.GetString()));
        Assert.Equal("hf_Secret", properties.GetProperty("configuration").GetProperty("secrets")[0].GetProperty("value").GetString());
        Assert.Contains(container.GetProperty("env").EnumerateArray(), variable => variable.GetProperty("name").GetString() == "HF_TOKEN" && variable.GetProperty("secretRef").GetString() == "hf-token");
        Assert.DoesNotContain("Secret", output + string.Concat(_azure.Calls), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_JobFails_ShowsItsLastLinesAndEnds()
    {
        _azure.With("job-status", "Failed\n");
        (int exitCode, string output) = await _azure.DeployAsync("--location", "swedencentral", "--model", "hf:google/gemma-2-2b-it", "--model-name", "small", "--image-tag", "v1", "--no-smoke");

        Assert.Equal(1, exitCode);
        Assert.Contains("pull: error: the licence is not accepted\nerror: the job pull-trial-abc ended as failed; its last lines are above.", output, StringComparison.Ordinal);
        Assert.DoesNotContain(_azure.Calls, call => call.Contains("job delete", StringComparison.Ordinal) || call.Contains("[stage first]", StringComparison.Ordinal));
    }
}
