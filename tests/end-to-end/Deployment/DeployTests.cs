namespace Gemma2.EndToEnd.Tests.Deployment;

/// <summary>infra/deploy.sh, azd's hooks and infra/wake.sh with stand-ins for the clouds' command lines: the calls in their order, and where secrets go.</summary>
public sealed class DeployTests : IDisposable
{
    private readonly FakeAzure _azure = new();

    [Fact]
    public async Task Deploy_NothingThereYet_MakesEverythingInOrder()
    {
        await using ScriptedService service = await ServiceAsync("first-Secret");
        (int exitCode, string output) = await DeployAsync("--model", _azure.Model(), "--image-tag", "v1");

        Assert.True(exitCode == 0, output);
        Assert.Equal(
            [
                "az account show --query [name, user.type, user.name] --output tsv",
                "az ad signed-in-user show --query id --output tsv",
                "az group exists --name rg-trial",
                "az group exists --name rg-trial",
                "az group create --name rg-trial --location swedencentral --output none",
                Deployment("foundation"),
                "az acr repository show --name crgemma2abc --image gemma2-functions:v1 --output none",
                "az acr build --registry crgemma2abc --image gemma2-functions:v1 --target functions --build-arg SOFTWARE_DEVICE=false --file Dockerfile .",
                // The role is in force at the second look.
                "az storage blob list --account-name stgemma2abc --container-name models --auth-mode login --num-results 1 --output none",
                "az storage blob list --account-name stgemma2abc --container-name models --auth-mode login --num-results 1 --output none",
                $"gemma2 push {_azure.PathOf("Gemma-2-2b-it")} gemma-2-2b-it [account stgemma2abc]",
                Deployment("first"),
                Deployment("complete"),
            ],
            _azure.Calls.Select(call => call.Replace(" [keys]", "", StringComparison.Ordinal)));
        Assert.Equal(
            [
                "AZURE_ENV_NAME=trial", "AZURE_LOCATION=swedencentral", "AZURE_PRINCIPAL_ID=11111111-2222-3333-4444-555555555555", "AZURE_PRINCIPAL_TYPE=User",
                "AZURE_RESOURCE_GROUP=rg-trial", "GEMMA2_GPU=T4", "GEMMA2_HOST=functions", "GEMMA2_IMAGE_TAG=v1", "GEMMA2_MODEL=gemma-2-2b-it", "GEMMA2_STAGE=complete",
            ],
            _azure.Parameters);
        Assert.Equal(FakeAzure.Keys, _azure.DeployedKeys);
        Assert.Contains("All passed.\n", output, StringComparison.Ordinal);
        Assert.Contains($"The service answers at {service.Url}\n", output, StringComparison.Ordinal);
        AssertNoSecret(output);
    }

    [Fact]
    public async Task Deploy_Again_BuildsAndMakesNothingAnew()
    {
        await using ScriptedService service = await ServiceAsync("first-Secret");
        _azure.With("group").With("app").With("image").With("role").With("keys", FakeAzure.Keys).Variable("GEMMA2_API_KEYS", "");
        (int exitCode, string output) = await DeployAsync("--model", "gemma-2-2b-it", "--image-tag", "v1");

        Assert.True(exitCode == 0, output);
        Assert.DoesNotContain(_azure.Calls, call => call.Contains("acr build", StringComparison.Ordinal) || call.Contains("group create --name", StringComparison.Ordinal)
            || call.StartsWith("gemma2", StringComparison.Ordinal) || call.Contains("[stage first]", StringComparison.Ordinal));
        Assert.Equal(FakeAzure.Keys, _azure.DeployedKeys);
        AssertNoSecret(output);
    }

    [Theory]
    [InlineData("Gemma-2-2b-it-Q4_K_M.gguf", "Gemma-2-2b-it-Q4_K_M.gguf", "gemma-2-2b-it-q4_k_m")]
    [InlineData("Gemma-2.GGUF", "Gemma-2.GGUF", "gemma-2")]
    [InlineData("27b-00001-of-00003.gguf", "27b-00001-of-00003.gguf", "27b")]
    [InlineData("Quantized-1.0/any.gguf", "Quantized-1.0", "quantized-1.0")]
    public async Task Deploy_Gguf_IsPushedUnderTheNameOfItsFileOrFolder(string file, string model, string name)
    {
        (int exitCode, string output) = await DeployAsync("--model", _azure.Model(file, model), "--image-tag", "v1", "--no-smoke");

        Assert.True(exitCode == 0, output);
        Assert.Contains($"gemma2 push {_azure.PathOf(model)} {name} [account stgemma2abc]", _azure.Calls);
        Assert.Contains($"GEMMA2_MODEL={name}", _azure.Parameters);
    }

    [Fact]
    public async Task Deploy_ModelName_IsThePushedModels()
    {
        (int exitCode, string output) = await DeployAsync("--model", _azure.Model("any.gguf", "any.gguf"), "--model-name", "small", "--image-tag", "v1", "--no-smoke");

        Assert.True(exitCode == 0, output);
        Assert.Contains($"gemma2 push {_azure.PathOf("any.gguf")} small [account stgemma2abc]", _azure.Calls);
    }

    [Fact]
    public async Task Deploy_NoKeyAnywhere_MakesOneThatIsShownNowhere()
    {
        _azure.Variable("GEMMA2_API_KEYS", "");
        (int exitCode, string output) = await DeployAsync("--model", "nano", "--image-tag", "v1", "--no-smoke");

        Assert.True(exitCode == 0, output);
        Assert.Matches("^[A-Za-z0-9]{36,43}$", _azure.DeployedKeys);
        Assert.DoesNotContain(_azure.DeployedKeys, output, StringComparison.Ordinal);
        Assert.DoesNotContain(_azure.Calls, call => call.Contains(_azure.DeployedKeys, StringComparison.Ordinal));
        Assert.Contains("az containerapp secret show --resource-group rg-trial --name func-gemma2-abc --secret-name api-keys", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_KeysFromAFile_AreUsed()
    {
        File.WriteAllText(_azure.PathOf("my-keys"), "bob=from-a-file\n");
        (int exitCode, string output) = await DeployAsync("--model", "nano", "--image-tag", "v1", "--no-smoke", "--api-keys-file", _azure.PathOf("my-keys"));

        Assert.True(exitCode == 0, output);
        Assert.Equal("bob=from-a-file", _azure.DeployedKeys);
    }

    [Fact]
    public async Task Deploy_ByDocker_BuildsAndPushesThePlainAppForTheCpu()
    {
        (int exitCode, string output) = await DeployAsync(
            "--model", "nano", "--image-tag", "v1", "--no-smoke", "--builder", "docker", "--host", "containerapp", "--gpu", "none", "--parameters", "infra/bicep/no-gpu.bicepparam", "--max-replicas", "1");

        Assert.True(exitCode == 0, output);
        Assert.Equal(
            ["docker build --target app --build-arg SOFTWARE_DEVICE=true --file Dockerfile --tag crgemma2abc.azurecr.io/gemma2-functions:v1 .", "docker push crgemma2abc.azurecr.io/gemma2-functions:v1"],
            _azure.Calls.Where(call => call.StartsWith("docker", StringComparison.Ordinal)));
        Assert.DoesNotContain(_azure.Calls, call => call.Contains("[stage first]", StringComparison.Ordinal));
        Assert.Contains(_azure.Calls, call => call.Contains("--parameters infra/bicep/no-gpu.bicepparam", StringComparison.Ordinal));
        Assert.Contains("GEMMA2_MAX_REPLICAS=1", _azure.Parameters);
        Assert.Contains("--name ca-gemma2-abc ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_NoTagGiven_IsTheCommitAndTheCpusHasAnotherOne()
    {
        (int exitCode, string output) = await DeployAsync("--model", "nano", "--no-smoke", "--gpu", "none");

        Assert.True(exitCode == 0, output);
        Assert.Matches("^GEMMA2_IMAGE_TAG=[0-9a-f]{12}(-[0-9]{14})?-cpu$", _azure.Parameters.Single(line => line.StartsWith("GEMMA2_IMAGE_TAG", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Deploy_WhatIf_ChangesNothing()
    {
        (int exitCode, string output) = await _azure.With("group").RunAsync("infra/deploy.sh", "--name", "trial", "--location", "swedencentral", "--model", "nano", "--image-tag", "v1", "--what-if");

        Assert.True(exitCode == 0, output);
        Assert.Equal("az deployment group what-if --resource-group rg-trial --parameters infra/bicep/main.bicepparam [stage complete] [keys]", _azure.Calls[^1]);
        Assert.DoesNotContain(_azure.Calls, call => call.Contains(" create ", StringComparison.Ordinal) || call.Contains(" build ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Deploy_WhatIfWithoutGroup_SaysWhatWouldBeMade()
    {
        (int exitCode, string output) = await DeployAsync("--model", "nano", "--what-if");

        Assert.Equal(1, exitCode);
        Assert.Contains("the resource group rg-trial would be made first", output, StringComparison.Ordinal);
        Assert.DoesNotContain(_azure.Calls, call => call.Contains(" create ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("group create --name", "Resource group rg-trial")]
    [InlineData("--name gemma2-foundation", "Storage, registry, environment, logs")]
    [InlineData("acr build", "Image, tag v1")]
    [InlineData("--name gemma2-complete", "App")]
    public async Task Deploy_CallFails_NamesTheStepAndGoesOnFromThere(string call, string step)
    {
        _azure.With("fail", call);
        (int exitCode, string output) = await DeployAsync("--model", "nano", "--image-tag", "v1", "--no-smoke");
        File.Delete(_azure.PathOf("fail"));
        (int again, string secondOutput) = await DeployAsync("--model", "nano", "--image-tag", "v1", "--no-smoke");

        Assert.Equal(1, exitCode);
        Assert.EndsWith($"az: it failed\nerror: this step failed: {step}. The same command goes on from here.\n", output, StringComparison.Ordinal);
        Assert.True(again == 0, secondOutput);
    }

    [Fact]
    public async Task Deploy_RoleNeverInForce_SaysSo()
    {
        _azure.With("fail", "storage blob list");
        (int exitCode, string output) = await DeployAsync("--model", _azure.Model(), "--image-tag", "v1");

        Assert.Equal(1, exitCode);
        Assert.Contains("you may not read the container 'models' of stgemma2abc", output, StringComparison.Ordinal);
        Assert.DoesNotContain(_azure.Calls, line => line.StartsWith("gemma2", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Deploy_SignedOut_SaysHowToSignIn()
    {
        (int exitCode, string output) = await _azure.With("signed-out").RunAsync("infra/deploy.sh", "--name", "trial", "--location", "swedencentral", "--model", "nano");

        Assert.Equal(1, exitCode);
        Assert.EndsWith("error: sign in first: az login\n", output, StringComparison.Ordinal);
        Assert.Single(_azure.Calls);
    }

    [Theory]
    [InlineData("az")]
    [InlineData("jq")]
    public async Task Deploy_ToolMissing_NamesItBeforeAnyCall(string tool)
    {
        (int exitCode, string output) = await _azure.Without(tool).RunAsync("infra/deploy.sh", "--name", "trial", "--location", "swedencentral", "--model", "nano");

        Assert.Equal((1, $"error: {tool} is needed and not on PATH.\n"), (exitCode, output));
        Assert.Empty(_azure.Calls);
    }

    [Theory]
    [InlineData("the name is 'Trial_1'", "--name", "Trial_1", "--location", "x", "--model", "nano")]
    [InlineData("the location is not set", "--name", "trial", "--model", "nano")]
    [InlineData("no model is given", "--name", "trial", "--location", "x")]
    [InlineData("the model './nowhere' is neither a .gguf file nor a folder with", "--name", "trial", "--location", "x", "--model", "./nowhere")]
    [InlineData("the model 'nowhere.gguf' is neither a .gguf file nor a folder with", "--name", "trial", "--location", "x", "--model", "nowhere.gguf")]
    [InlineData("the model './infra' is neither a .gguf file nor a folder with", "--name", "trial", "--location", "x", "--model", "./infra")]
    [InlineData("the model './README.md' is neither a .gguf file nor a folder with", "--name", "trial", "--location", "x", "--model", "./README.md")]
    [InlineData("the host is 'vm'; allowed are functions and containerapp", "--name", "trial", "--location", "x", "--model", "nano", "--host", "vm")]
    [InlineData("the GPU is 'H100'; allowed are T4, A100 and none", "--name", "trial", "--location", "x", "--model", "nano", "--gpu", "H100")]
    [InlineData("the image tag is 'a b'", "--name", "trial", "--location", "x", "--model", "nano", "--image-tag", "a b")]
    [InlineData("the builder is 'podman'", "--name", "trial", "--location", "x", "--model", "nano", "--builder", "podman")]
    [InlineData("unknown option '--colour'", "--colour", "red")]
    [InlineData("--name needs a value", "--name")]
    [InlineData("unknown argument 'trial'", "trial")]
    public async Task Deploy_WrongArguments_SaysWhatIsAllowedBeforeAnyCall(string reason, params string[] arguments)
    {
        (int exitCode, string output) = await _azure.RunAsync(["infra/deploy.sh", .. arguments]);

        Assert.Contains(exitCode, (int[])[1, 2]);
        Assert.StartsWith("error: " + reason, output, StringComparison.Ordinal);
        Assert.Empty(_azure.Calls);
    }

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
                "azd env set AZURE_RESOURCE_GROUP rg-trial", "azd env set GEMMA2_HOST functions", "azd env set GEMMA2_GPU T4",
                "azd env set GEMMA2_MODEL gemma-2-2b-it", "azd env set GEMMA2_IMAGE_TAG v2", "azd env list --output json",
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
        AsAzd(FakeAzure.Keys).With("group").With("app").Variable("AZURE_RESOURCE_GROUP", "rg-trial");
        (int exitCode, string output) = await _azure.RunAsync("infra/hooks/postprovision.sh");

        Assert.True(exitCode == 0, output);
        Assert.Contains("All passed.\n", output, StringComparison.Ordinal);
        AssertNoSecret(output);
    }

    [Fact]
    public async Task Wake_AppSleeps_QueuesAJobAndShowsItsAnswer()
    {
        _azure.With("replicas", "2\n").With("answer", """{"result":{"response":{"choices":[{"message":{"content":"Paris."}}]}}}""").Variable("AzureWebJobsStorage", "UseDevelopmentStorage=true");
        (int exitCode, string output) = await _azure.RunAsync("infra/wake.sh", "rg-trial", "func-gemma2-abc", "stgemma2abc", "nano");

        Assert.True(exitCode == 0, output);
        Assert.Matches("2 replicas run; waiting.*\n.*1 replicas run; waiting.*\nNo replica runs.*\nThe queue woke a replica: [0-9]+ s from the message to its result: Paris\\.\n$", output);
        // Only storage is told.
        Assert.Equal("gemma2 submit --model nano --chat What is the capital of France? --max-tokens 16 --wait --timeout 1800 --json [account stgemma2abc]", _azure.Calls[^1]);
    }

    [Fact]
    public async Task Wake_NobodyWakes_FailsAndSaysWhereToLook()
    {
        (int exitCode, string output) = await _azure.With("replicas", "0\n").RunAsync("infra/wake.sh", "rg-trial", "func-gemma2-abc", "stgemma2abc", "nano");

        Assert.Equal(1, exitCode);
        Assert.Contains("Skipping configuration of KEDA", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wake_WrongArguments_SaysHowToCallIt()
    {
        (int exitCode, string output) = await _azure.RunAsync("infra/wake.sh", "rg-trial");

        Assert.Equal(2, exitCode);
        Assert.StartsWith("usage: infra/wake.sh ", output, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose() => _azure.Dispose();

    private static string Deployment(string stage) =>
        $"az deployment group create --resource-group rg-trial --name gemma2-{stage} --parameters infra/bicep/main.bicepparam --query properties.outputs --output json [stage {stage}]";

    private async Task<ScriptedService> ServiceAsync(string key)
    {
        ScriptedService service = await ScriptedService.StartAsync(key);
        _azure.Variable("ENDPOINT", service.Url);
        return service;
    }

    private FakeAzure AsAzd(string keys) => _azure.Variable("AZURE_ENV_NAME", "trial").Variable("AZURE_LOCATION", "swedencentral")
        .Variable("AZURE_PRINCIPAL_ID", "66666666-2222-3333-4444-555555555555").Variable("GEMMA2_API_KEYS", keys);

    private Task<(int ExitCode, string Output)> DeployAsync(params string[] arguments)
    {
        _azure.TryVariable("GEMMA2_API_KEYS", FakeAzure.Keys);
        return _azure.RunAsync(["infra/deploy.sh", "--name", "trial", "--location", "swedencentral", .. arguments]);
    }

    private void AssertNoSecret(string output) => Assert.DoesNotContain("Secret", output + string.Concat(_azure.Calls), StringComparison.Ordinal);
}
