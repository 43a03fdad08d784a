namespace Gemma2.EndToEnd.Tests.Deployment;

/// <summary>azd's hooks, with azd's environment and stand-ins for the clouds' command lines.</summary>
public sealed class AzdTests : IDisposable
{
    private readonly FakeAzure _azure = new();

    [Fact]
    public async Task Azd_ManifestAndHooks_AreThere()
    {
        (int exitCode, string output) = await Script.RunBashAsync("grep -oE 'infra/hooks/[a-z]+\\.sh' azure.yaml | xargs ls -1 && test -x infra/hooks/preprovision.sh && test -x infra/hooks/postprovision.sh");

        Assert.Equal((0, "infra/hooks/postprovision.sh\ninfra/hooks/preprovision.sh\n"), (exitCode, output));
    }

    [Fact]
    public async Task AzdPreprovision_NothingThereYet_PreparesTheAppAndFillsAzdsEnvironment()
    {
        AsAzd("").Variable("GEMMA2_MODEL_PATH", _azure.Model()).Variable("GEMMA2_IMAGE_TAG", "of-the-last-time").Variable("GEMMA2_FIXED_TAG", "v2");
        (int exitCode, string output) = await _azure.RunAsync("infra/hooks/preprovision.sh");

        Assert.True(exitCode == 0, output);
        Assert.Equal(
            [
                "azd env set AZURE_RESOURCE_GROUP rg-trial", "azd env set GEMMA2_IMAGE_TAG v2", "azd env set AZURE_LOCATION swedencentral", "azd env set GEMMA2_HOST functions",
                "azd env set GEMMA2_GPU T4", "azd env set GEMMA2_MODEL gemma-2-2b-it", "azd env list --output json",
            ],
            _azure.Calls.Where(call => call.StartsWith("azd", StringComparison.Ordinal)));
        Assert.Equal($"GEMMA2_API_KEYS='{_azure.DeployedKeys}'\n", _azure.AzdEnvironment);
        Assert.Contains(_azure.Calls, call => call.StartsWith("az acr build", StringComparison.Ordinal));
        Assert.Contains(_azure.Calls, call => call.StartsWith("gemma2 push", StringComparison.Ordinal));
        Assert.EndsWith("[stage first] [keys]", _azure.Calls[^1], StringComparison.Ordinal);
        Assert.DoesNotContain(_azure.DeployedKeys, output + string.Concat(_azure.Calls), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AzdPreprovision_KeysAreChosen_AreLeftWhereTheyAre()
    {
        AsAzd(FakeAzure.Keys).Variable("GEMMA2_MODEL", "nano");
        (int exitCode, string output) = await _azure.RunAsync("infra/hooks/preprovision.sh");

        Assert.True(exitCode == 0, output);
        Assert.False(File.Exists(_azure.PathOf(".env")));
        AssertNoSecret(output);
    }

    [Fact]
    public async Task AzdPostprovision_Deployed_RunsTheSmokeTest()
    {
        await using ScriptedService service = await ServiceAsync("first-Secret");
        (await AsAzd(FakeAzure.Keys).WithDeploymentAsync()).Variable("AZURE_RESOURCE_GROUP", "rg-trial");
        (int exitCode, string output) = await _azure.RunAsync("infra/hooks/postprovision.sh");

        Assert.True(exitCode == 0, output);
        Assert.Contains("All passed.\n", output, StringComparison.Ordinal);
        AssertNoSecret(output);
    }

    [Theory]
    [InlineData("infra/hooks/preprovision.sh")]
    [InlineData("infra/hooks/postprovision.sh")]
    public async Task AzdHooks_Subscription_IsAzdsInEveryCall(string hook)
    {
        await using ScriptedService service = await ServiceAsync("first-Secret");
        (await AsAzd(FakeAzure.Keys).WithDeploymentAsync()).Variable("AZURE_SUBSCRIPTION_ID", "azds-subscription").Variable("GEMMA2_FIXED_TAG", "v2");
        (int exitCode, string output) = await _azure.RunAsync(hook);

        Assert.True(exitCode == 0, output);
        Assert.Contains("subscription Trial (azds-subscription)\n", output, StringComparison.Ordinal);
        Assert.NotEmpty(_azure.AllOfCalls);
        Assert.All(_azure.AllOfCalls.Where(call => call.StartsWith("az ", StringComparison.Ordinal)), call => Assert.Contains(" --subscription azds-subscription", call, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("infra/hooks/preprovision.sh", "provision --preview", true)]
    [InlineData("infra/hooks/preprovision.sh", "provision --no-prompt --preview=true", true)]
    [InlineData("infra/hooks/postprovision.sh", "provision --preview", true)]
    [InlineData("infra/hooks/preprovision.sh", "provision --no-prompt", false)]
    public async Task AzdHooks_AzdOnlyPreviews_ChangeNothing(string hook, string arguments, bool previews)
    {
        AsAzd("").Variable("GEMMA2_MODEL", "nano").Variable("GEMMA2_FIXED_TAG", "v2").Variable("HOOK", hook);
        (int exitCode, string output) = await _azure.RunAsync(["azd", .. arguments.Split(' ')]);

        Assert.True(exitCode == 0, output);
        Assert.Equal(previews, _azure.Calls.Length == 1);
        if (previews && hook.EndsWith("preprovision.sh", StringComparison.Ordinal)) Assert.Contains("azd only previews: no image is built, no model is pushed, nothing is changed.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AzdHooks_ShellThatPreviewedBefore_IsNoPreview()
    {
        AsAzd("").Variable("GEMMA2_MODEL", "nano").Variable("GEMMA2_FIXED_TAG", "v2").Variable("HOOK", "infra/hooks/preprovision.sh");
        (int exitCode, string output) = await _azure.RunAsync("bash", "-c", "azd provision --preview; azd provision --no-prompt; true");

        Assert.True(exitCode == 0, output);
        Assert.Contains("azd only previews", output, StringComparison.Ordinal);
        Assert.Contains(_azure.Calls, call => call.StartsWith("az acr build", StringComparison.Ordinal));
    }

    [Fact]
    public async Task AzdPreprovision_EnvironmentIsNew_TakesOverWhatIsDeployed()
    {
        (await AsAzd("").WithDeploymentAsync(variables: [("GEMMA2_GPU", "A100"), ("GEMMA2_MAX_REPLICAS", "5")])).Variable("GEMMA2_FIXED_TAG", "v2");
        (int exitCode, string output) = await _azure.RunAsync("infra/hooks/preprovision.sh");

        Assert.True(exitCode == 0, output);
        Assert.Contains("azd env set GEMMA2_GPU A100", _azure.Calls);
        Assert.Contains("azd env set GEMMA2_MAX_REPLICAS 5", _azure.Calls);
        Assert.Equal($"GEMMA2_API_KEYS='{FakeAzure.Keys}'\n", _azure.AzdEnvironment);
    }

    [Fact]
    public async Task AzdHooks_HostChanges_StopTheOldAppBeforeAndRemoveItAfterwards()
    {
        await using ScriptedService service = await ServiceAsync("first-Secret");
        (await AsAzd(FakeAzure.Keys).WithDeploymentAsync()).Variable("GEMMA2_HOST", "containerapp").Variable("GEMMA2_CHANGE_HOST", "true").Variable("GEMMA2_FIXED_TAG", "v2");
        (int before, string beforeOutput) = await _azure.RunAsync("infra/hooks/preprovision.sh");
        string last = _azure.Calls[^1];
        await _azure.WithDeploymentAsync("complete", ("GEMMA2_HOST", "containerapp"));
        (int after, string afterOutput) = await _azure.RunAsync("infra/hooks/postprovision.sh");

        Assert.True((before, after) == (0, 0), beforeOutput + afterOutput);
        Assert.StartsWith("az rest --method post --url /subscriptions/", last, StringComparison.Ordinal);
        Assert.Contains("/containerApps/func-gemma2-abc/stop?", last, StringComparison.Ordinal);
        Assert.Equal("az containerapp delete --name func-gemma2-abc --resource-group rg-trial --yes --output none [keys]", _azure.Calls[^1]);
    }

    /// <inheritdoc/>
    public void Dispose() => _azure.Dispose();

    private async Task<ScriptedService> ServiceAsync(string key)
    {
        ScriptedService service = await ScriptedService.StartAsync(key);
        _azure.Variable("ENDPOINT", service.Url);
        return service;
    }

    private FakeAzure AsAzd(string keys) => _azure.Variable("AZURE_ENV_NAME", "trial").Variable("AZURE_LOCATION", "swedencentral")
        .Variable("AZURE_PRINCIPAL_ID", "66666666-2222-3333-4444-555555555555").Variable("GEMMA2_API_KEYS", keys);

    private void AssertNoSecret(string output) => Assert.DoesNotContain("Secret", output + string.Concat(_azure.Calls), StringComparison.Ordinal);
}
