namespace Gemma2.EndToEnd.Tests.Deployment;

/// <summary>infra/deploy.sh asks for region and quota before anything is built, and sees to the scale rules afterwards.</summary>
public sealed class PreflightTests : IDisposable
{
    private const string T4Regions = "australiaeast brazilsouth canadacentral centralindia eastus francecentral italynorth japaneast northcentralus southcentralus southeastasia southindia swedencentral westeurope westus westus2 westus3";
    private const string A100Regions = "australiaeast brazilsouth canadacentral eastus italynorth swedencentral westus westus3";

    private readonly FakeAzure _azure = new();

    [Fact]
    public async Task Region_WithoutTheGpu_IsRefusedWithTheList()
    {
        (int exitCode, string output) = await _azure.With("profiles", "Consumption\nD4\n").DeployAsync("--location", "norwayeast", "--model", "nano", "--gpu", "A100");

        Assert.Equal(1, exitCode);
        Assert.EndsWith($"error: norwayeast has no serverless A100. These have one: {A100Regions}. (Another region that is newer than this list: --skip-preflight.)\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain(_azure.Calls, call => call.Contains(" create ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Region_AzureDoesNotAnswerAndItIsNotOnTheList_IsRefusedWithTheList()
    {
        (int exitCode, string output) = await _azure.With("fail", "list-supported").DeployAsync("--location", "norwayeast", "--model", "nano");

        Assert.Equal(1, exitCode);
        Assert.Contains($"error: norwayeast has no serverless T4. These have one: {T4Regions}.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Region_AsThePortalCallsIt_IsUnderstood()
    {
        (int exitCode, string output) = await DeployAsync("--location", "Sweden Central");

        Assert.True(exitCode == 0, output);
        Assert.Contains("AZURE_LOCATION=swedencentral", _azure.Parameters);
    }

    [Fact]
    public async Task Region_NewerThanTheList_IsTakenWhereAzureOffersTheGpu()
    {
        (int exitCode, string output) = await DeployAsync("--location", "norwayeast");

        Assert.True(exitCode == 0, output);
        Assert.DoesNotContain("warning", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("fail", "list-supported", "warning: Azure did not say what swedencentral has; it is on the list of regions with a serverless T4\n")]
    [InlineData("profiles", "Consumption\n", "warning: Azure does not offer a serverless T4 in swedencentral to this subscription now, though it is on the list of regions\n")]
    public async Task Region_OnTheListAlone_IsTakenWithAWarning(string file, string content, string warning)
    {
        (int exitCode, string output) = await _azure.With(file, content).DeployAsync("--location", "swedencentral", "--model", "nano", "--image-tag", "v1", "--no-smoke");

        Assert.True(exitCode == 0, output);
        Assert.Contains(warning, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Region_NoGpu_IsNotAskedFor()
    {
        (int exitCode, string output) = await DeployAsync("--location", "norwayeast", "--gpu", "none");

        Assert.True(exitCode == 0, output);
        Assert.DoesNotContain(_azure.Calls, call => call.Contains("list-supported", StringComparison.Ordinal) || call.Contains("list-usages", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Quota_None_StopsBeforeTheImageIsBuilt()
    {
        (int exitCode, string output) = await _azure.With("usages", Usages(0)).DeployAsync("--location", "swedencentral", "--model", "nano");

        Assert.Equal(1, exitCode);
        Assert.EndsWith(
            "error: the environment cae-gemma2-abc may use no T4: ask for ManagedEnvironmentConsumptionT4Gpus on its page Quotas in the portal, then run the same command again. (To go on all the same: --skip-preflight.)\n",
            output, StringComparison.Ordinal);
        Assert.DoesNotContain(_azure.Calls, call => call.Contains("acr build", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(2, "warning: the quota is 2 T4, less than the 5 replicas at most; the others will wait\n")]
    [InlineData(5, null)]
    [InlineData(null, "warning: Azure tells no quota of T4 in the environment cae-gemma2-abc; without one, replicas wait for ever\n")]
    public async Task Quota_LessThanReplicas_IsAWarning(int? limit, string? warning)
    {
        (int exitCode, string output) = await _azure.With("usages", Usages(limit)).DeployAsync("--location", "swedencentral", "--model", "nano", "--image-tag", "v1", "--no-smoke", "--max-replicas", "5");

        Assert.True(exitCode == 0, output);
        if (warning is null) Assert.DoesNotContain("warning", output, StringComparison.Ordinal);
        else Assert.Contains(warning, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Preflight_Skipped_AsksNothing()
    {
        (int exitCode, string output) = await _azure.With("usages", Usages(0)).With("profiles", "").DeployAsync("--location", "norwayeast", "--model", "nano", "--image-tag", "v1", "--no-smoke", "--skip-preflight");

        Assert.True(exitCode == 0, output);
    }

    [Fact]
    public async Task ScaleRules_PlatformLeavesThemOut_AreSetByPatch()
    {
        (int exitCode, string output) = await DroppingRules().DeployAsync("--location", "swedencentral", "--model", "nano", "--image-tag", "v1", "--no-smoke");

        Assert.True(exitCode == 0, output);
        Assert.Contains("the platform left out our scale rules; they are set once more\n", output, StringComparison.Ordinal);
        string patch = _azure.Calls.Single(call => call.StartsWith("az rest --method patch", StringComparison.Ordinal));
        Assert.Equal(
            $"az rest --method patch --url /subscriptions/{FakeAzure.Subscription}/resourceGroups/rg-trial/providers/Microsoft.App/containerApps/func-gemma2-abc?api-version=2026-07-01 --headers Content-Type=application/json --body @- --output none [keys]",
            patch);
        Assert.Equal(
            """{"properties":{"template":{"scale":{"allowScalingRuleOverride":true,"rules":[{"name":"completion-requests","custom":{"type":"azure-queue"}},{"name":"http","http":{}}]}}}}""",
            string.Concat(File.ReadAllText(_azure.PathOf("patch")).Where(letter => !char.IsWhiteSpace(letter))));
    }

    [Fact]
    public async Task ScaleRules_PlatformRefusesTheDeployment_DeploysWithoutAndSetsThemAfterwards()
    {
        (int exitCode, string output) = await _azure.With("refuses-rules").DeployAsync("--location", "swedencentral", "--model", "nano", "--image-tag", "v1", "--no-smoke");

        Assert.True(exitCode == 0, output);
        Assert.Contains("FunctionAppCannotSetScaleRules", output, StringComparison.Ordinal);
        Assert.Equal(["[stage foundation]", "[stage first]", "[stage complete]", "[stage first]"], _azure.Calls.Where(call => call.Contains("[stage", StringComparison.Ordinal)).Select(call => call[call.IndexOf('[', StringComparison.Ordinal)..^7]));
        Assert.True(File.Exists(_azure.PathOf("patch")));
    }

    [Fact]
    public async Task ScaleRules_PatchIsWithoutEffect_IsAnError()
    {
        (int exitCode, string output) = await DroppingRules().With("ignores-patch").DeployAsync("--location", "swedencentral", "--model", "nano", "--image-tag", "v1", "--no-smoke");

        Assert.Equal(1, exitCode);
        Assert.Contains("error: func-gemma2-abc does not scale by our rules, so a message may not wake it.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ScaleRules_OwnHost_AreNotAskedFor()
    {
        (int exitCode, string output) = await DroppingRules().DeployAsync("--location", "swedencentral", "--model", "nano", "--image-tag", "v1", "--no-smoke", "--host", "containerapp");

        Assert.True(exitCode == 0, output);
        Assert.DoesNotContain(_azure.Calls, call => call.StartsWith("az rest", StringComparison.Ordinal));
    }

    /// <inheritdoc/>
    public void Dispose() => _azure.Dispose();

    private Task<(int ExitCode, string Output)> DeployAsync(params string[] arguments) => _azure.DeployAsync(["--model", "nano", "--image-tag", "v1", "--no-smoke", .. arguments]);

    private FakeAzure DroppingRules() => _azure.With("drops-rules");

    private static string Usages(int? limit) => limit is null
        ? """{"value":[{"name":{"value":"ManagedEnvironmentConsumptionCores"},"limit":100}]}"""
        : $$"""{"value":[{"name":{"value":"ManagedEnvironmentConsumptionCores"},"limit":100},{"name":{"value":"ManagedEnvironmentConsumptionT4Gpus"},"currentValue":0,"limit":{{limit}}}]}""";
}
