using System.Text.Json;

namespace Gemma2.EndToEnd.Tests.Deployment;

/// <summary>infra/deploy.sh where something is deployed already: what is kept, what may change, and what happens where Azure does not answer.</summary>
public sealed class RedeployTests : IDisposable
{
    private readonly FakeAzure _azure = new();

    [Fact]
    public async Task Redeploy_OptionsLeftOut_KeepsWhatIsDeployed()
    {
        string hash = new('a', 64);
        (int first, string firstOutput) = await DeployAsync(
            "--location", "westus3", "--model", "gemma-2-27b-it", "--host", "containerapp", "--gpu", "A100", "--min-replicas", "1", "--max-replicas", "3", "--idle-minutes", "10", "--public", "false",
            "--registry-sku", "Premium", "--allowed-ips", "203.0.113.7,198.51.100.0/24", "--driver", "https://drivers.example/{version}.tar.zst", "--driver-sha256", hash,
            "--parameters", "infra/bicep/a100-27b.bicepparam", "--digest", "app=@sha256:" + hash);
        string[] chosen = _azure.Parameters;
        (int second, string secondOutput) = await DeployAsync();

        Assert.True((first, second) == (0, 0), firstOutput + secondOutput);
        Assert.Contains("GEMMA2_GPU=A100", chosen);
        Assert.Equal([.. chosen, "GEMMA2_IS_PRIVATE=false", "GEMMA2_CUSTOM_DOMAINS=[]"], _azure.Parameters.Where(line => line != "GEMMA2_STACK=false"), SameLines);
        Assert.Contains(
            $"    as deployed: location=westus3 host=containerapp gpu=A100 model=gemma-2-27b-it minReplicas=1 maxReplicas=3 gpuDriverSource=https://drivers.example/{{version}}.tar.zst gpuDriverSha256={hash} ",
            secondOutput, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redeploy_OptionGiven_ChangesThatOneAlone()
    {
        await _azure.WithDeploymentAsync("complete", ("GEMMA2_GPU", "A100"), ("GEMMA2_MAX_REPLICAS", "3"));
        (int exitCode, string output) = await DeployAsync("--gpu", "T4");

        Assert.True(exitCode == 0, output);
        Assert.Contains("GEMMA2_GPU=T4", _azure.Parameters);
        Assert.Contains("GEMMA2_MAX_REPLICAS=3", _azure.Parameters);
        Assert.Contains("GEMMA2_MODEL=gemma-2-2b-it", _azure.Parameters);
    }

    [Fact]
    public async Task Redeploy_StoppedBeforeTheApp_KeepsTheChoicesToo()
    {
        await _azure.WithDeploymentAsync("foundation", ("GEMMA2_GPU", "none"));
        (int exitCode, string output) = await DeployAsync();

        Assert.True(exitCode == 0, output);
        Assert.Contains("GEMMA2_GPU=none", _azure.Parameters);
        Assert.Contains(_azure.Calls, call => call.Contains("[stage first]", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Redeploy_DriverNone_TakesItAwayWithItsHash()
    {
        await _azure.WithDeploymentAsync("complete", ("GPU_DRIVER_SOURCE", "https://drivers.example/a.tar.zst"), ("GPU_DRIVER_SHA256", new string('a', 64)));
        (int exitCode, string output) = await DeployAsync("--driver", "none");

        Assert.True(exitCode == 0, output);
        Assert.Contains("GPU_DRIVER_SOURCE=", _azure.Parameters);
        Assert.Contains("GPU_DRIVER_SHA256=", _azure.Parameters);
    }

    [Fact]
    public async Task Redeploy_DriverWithoutHash_DoesNotTakeTheOldOnesHash()
    {
        await _azure.WithDeploymentAsync("complete", ("GPU_DRIVER_SOURCE", "https://drivers.example/a.tar.zst"), ("GPU_DRIVER_SHA256", new string('a', 64)));
        (int exitCode, string output) = await DeployAsync("--driver", "/drivers/{version}");

        Assert.True(exitCode == 0, output);
        Assert.Contains("GPU_DRIVER_SOURCE=/drivers/{version}", _azure.Parameters);
        Assert.Contains("GPU_DRIVER_SHA256=", _azure.Parameters);
    }

    [Fact]
    public async Task Redeploy_AppWhoseDeploymentIsNotKnown_AsksForItsChoices()
    {
        _azure.With("group").With("apps", "func-gemma2-abc\n").With("api-keys", FakeAzure.Keys).With("tags", """{"gemma2-parameters": "infra/bicep/main.bicepparam"}""");
        (int exitCode, string output) = await DeployAsync("--location", "swedencentral");

        Assert.Equal(1, exitCode);
        Assert.Contains("error: the app func-gemma2-abc is there, but not the deployment that made it, so its choices are not known: give --host, --gpu and --model", output, StringComparison.Ordinal);
        AssertNothingChanged();
    }

    [Theory]
    [InlineData("group exists")]
    [InlineData("group show")]
    [InlineData("containerapp list")]
    [InlineData("deployment group list")]
    [InlineData("containerapp secret list")]
    [InlineData("customDomains")]
    public async Task Redeploy_AzureFailsOnce_AsksAgainAndKeepsTheKeys(string call)
    {
        (await _azure.WithDeploymentAsync()).With("fail", call).With("times", "1\n").Variable("GEMMA2_API_KEYS", "");
        (int exitCode, string output) = await DeployAsync();

        Assert.True(exitCode == 0, output);
        Assert.Equal(FakeAzure.Keys, _azure.DeployedKeys);
        Assert.DoesNotContain("Secret", output + string.Concat(_azure.Calls), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("group exists", "Azure did not answer, so it is not known what is deployed. Nothing was changed; try again.")]
    [InlineData("containerapp list", "Azure did not answer, so it is not known what is deployed. Nothing was changed; try again.")]
    [InlineData("deployment group list", "Azure did not answer, so it is not known what is deployed. Nothing was changed; try again.")]
    [InlineData("customDomains", "Azure did not say which domains are bound to func-gemma2-abc, and a deployment without them would take them away. Nothing was changed; try again.")]
    [InlineData("containerapp secret list", "the API keys of func-gemma2-abc could not be read, and new ones would lock all clients out: try again, or give the keys (--api-keys-file).")]
    public async Task Redeploy_AzureKeepsFailing_StopsWithoutNewKeys(string call, string reason)
    {
        (await _azure.WithDeploymentAsync()).With("fail", call).Variable("GEMMA2_API_KEYS", "");
        (int exitCode, string output) = await DeployAsync();

        Assert.Equal(1, exitCode);
        Assert.EndsWith($"az: it failed\nerror: {reason}\n", output, StringComparison.Ordinal);
        Assert.Equal(FakeAzure.Keys, _azure.DeployedKeys);
        Assert.Equal(4, _azure.Calls.Count(line => line.Contains(call, StringComparison.Ordinal)));
        AssertNothingChanged();
    }

    [Fact]
    public async Task Redeploy_DomainsThatAreBound_StayBound()
    {
        (await _azure.WithDeploymentAsync()).With("domains", """
            [
              { "name": "gemma.example.com", "bindingType": "SniEnabled", "certificateId": "/certificates/gemma" }
            ]
            """);
        (int exitCode, string output) = await DeployAsync();

        Assert.True(exitCode == 0, output);
        Assert.Contains("""GEMMA2_CUSTOM_DOMAINS=[{"name":"gemma.example.com","bindingType":"SniEnabled","certificateId":"/certificates/gemma"}]""", _azure.Parameters);
    }

    [Fact]
    public async Task Redeploy_CallbackSecretLeftOut_IsKept()
    {
        await _azure.WithDeploymentAsync("complete", ("GEMMA2_CALLBACK_SECRET", "whsec_Secret"));
        (int exitCode, string output) = await DeployAsync();

        Assert.True(exitCode == 0, output);
        Assert.Equal("whsec_Secret", File.ReadAllText(_azure.PathOf("given-callback-secret")));
        Assert.DoesNotContain("Secret", output + string.Concat(_azure.Calls), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redeploy_AppThatHasNoKeys_GetsOne()
    {
        await _azure.WithDeploymentAsync();
        File.Delete(_azure.PathOf("api-keys"));
        (int exitCode, string output) = await _azure.Variable("GEMMA2_API_KEYS", "").DeployAsync("--image-tag", "v1", "--no-smoke");

        Assert.True(exitCode == 0, output);
        Assert.Matches("^[A-Za-z0-9]{36,43}$", _azure.DeployedKeys);
    }

    [Fact]
    public async Task Redeploy_OtherHost_NeedsAWord()
    {
        await _azure.WithDeploymentAsync();
        (int exitCode, string output) = await DeployAsync("--host", "containerapp");

        Assert.Equal(1, exitCode);
        Assert.EndsWith(
            "error: func-gemma2-abc runs as functions and takes from the same queues. To have it stopped, and removed once containerapp works, say --change-host (azd: GEMMA2_CHANGE_HOST=true).\n",
            output, StringComparison.Ordinal);
        AssertNothingChanged();
    }

    [Theory]
    [InlineData("functions", "func-gemma2-abc", "containerapp", "ca-gemma2-abc")]
    [InlineData("containerapp", "ca-gemma2-abc", "functions", "func-gemma2-abc")]
    public async Task Redeploy_OtherHostWithTheWord_StopsTheOldAppFirstAndRemovesItLast(string oldHost, string oldApp, string newHost, string newApp)
    {
        await using ScriptedService service = await ScriptedService.StartAsync("first-Secret");
        (await _azure.WithDeploymentAsync("complete", ("GEMMA2_HOST", oldHost))).Variable("GEMMA2_API_KEYS", "").Variable("ENDPOINT", service.Url);
        (int exitCode, string output) = await _azure.DeployAsync("--image-tag", "v1", "--host", newHost, "--change-host");

        Assert.True(exitCode == 0, output);
        string[] calls = _azure.Calls;
        int stopped = Array.FindIndex(calls, call => call.Contains($"/containerApps/{oldApp}/stop?api-version=", StringComparison.Ordinal));
        int made = Array.FindIndex(calls, call => call.Contains(newHost == "functions" ? "[stage first]" : "[stage complete]", StringComparison.Ordinal));
        Assert.True(stopped >= 0 && stopped < made, string.Join('\n', calls));
        Assert.StartsWith($"az containerapp delete --name {oldApp} ", calls[^1], StringComparison.Ordinal);
        Assert.Equal(newApp + "\n", File.ReadAllText(_azure.PathOf("apps")));
        // Clients keep their keys.
        Assert.Equal(FakeAzure.Keys, _azure.DeployedKeys);
    }

    [Fact]
    public async Task Redeploy_NewHostDoesNotAnswer_LeavesTheOldAppThereAndSaysHowToStartIt()
    {
        (await _azure.WithDeploymentAsync()).Variable("ENDPOINT", "http://127.0.0.1:9").Variable("SMOKE_SECONDS", "1");
        (int exitCode, string output) = await _azure.DeployAsync("--image-tag", "v1", "--host", "containerapp", "--change-host");

        Assert.Equal(1, exitCode);
        Assert.Contains("func-gemma2-abc is stopped. To have it back: az rest --method post --url /subscriptions/", output, StringComparison.Ordinal);
        Assert.Equal("func-gemma2-abc\nca-gemma2-abc\n", File.ReadAllText(_azure.PathOf("apps")));
    }

    [Fact]
    public async Task Redeploy_OfAnotherTag_LeavesTheGroupsOtherTagsAlone()
    {
        await _azure.WithDeploymentAsync();
        (int exitCode, string output) = await DeployAsync("--stack");

        Assert.True(exitCode == 0, output);
        using var tags = JsonDocument.Parse(File.ReadAllText(_azure.PathOf("tags")));
        Assert.Equal("models", tags.RootElement.GetProperty("team").GetString());
        Assert.Equal("true", tags.RootElement.GetProperty("gemma2-stack").GetString());
    }

    [Fact]
    public async Task Redeploy_Stack_StaysOneAndItsFoundationIsNone()
    {
        (int first, string firstOutput) = await DeployAsync("--location", "swedencentral", "--model", "nano", "--stack");
        (int second, string secondOutput) = await DeployAsync();

        Assert.True((first, second) == (0, 0), firstOutput + secondOutput);
        const string stack = "az stack group create --resource-group rg-trial --name gemma2-trial --parameters infra/bicep/main.bicepparam --deny-settings-mode none --action-on-unmanage deleteResources --yes --query outputs || properties.outputs --output json";
        Assert.Equal(
            [Deployment("foundation"), $"{stack} [stage first] [keys]", $"{stack} [stage complete] [keys]", Deployment("foundation"), $"{stack} [stage complete] [keys]"],
            _azure.Calls.Where(call => call.Contains("[stage ", StringComparison.Ordinal)));
    }

    /// <inheritdoc/>
    public void Dispose() => _azure.Dispose();

    private static IEqualityComparer<IEnumerable<string>> SameLines { get; } = EqualityComparer<IEnumerable<string>>.Create((a, b) => a!.Order(StringComparer.Ordinal).SequenceEqual(b!.Order(StringComparer.Ordinal)));

    private static string Deployment(string stage) =>
        $"az deployment group create --resource-group rg-trial --name gemma2-{stage} --parameters infra/bicep/main.bicepparam --query properties.outputs --output json [stage {stage}] [keys]";

    private Task<(int ExitCode, string Output)> DeployAsync(params string[] arguments) => _azure.DeployAsync(["--image-tag", "v1", "--no-smoke", .. arguments]);

    private void AssertNothingChanged() => Assert.DoesNotContain(
        _azure.Calls, call => call.Contains(" create ", StringComparison.Ordinal) || call.Contains(" build ", StringComparison.Ordinal) || call.Contains("--method post", StringComparison.Ordinal));
}
