using System.Text.RegularExpressions;

namespace Gemma2.EndToEnd.Tests.Deployment;

/// <summary>infra/deploy.sh and infra/wake.sh with stand-ins for the clouds' command lines: the calls in their order, and where secrets go.</summary>
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
                "az account show --query [id, name, user.type, user.name] --output tsv",
                "az ad signed-in-user show --query id --output tsv",
                "az group exists --name rg-trial",
                "az containerapp env workload-profile list-supported --location swedencentral --query [].name --output tsv",
                "az group create --name rg-trial --location swedencentral --tags gemma2-made-for=trial --output none",
                $"az tag update --resource-id /subscriptions/{FakeAzure.Subscription}/resourceGroups/rg-trial --operation Merge --tags gemma2-parameters=infra/bicep/main.bicepparam --output none",
                Deployment("foundation"),
                "az containerapp env list-usages --name cae-gemma2-abc --resource-group rg-trial --output json",
                "az acr repository show --name crgemma2abc --image gemma2-functions:v1 --output none",
                "az acr build --registry crgemma2abc --image gemma2-functions:v1 --target functions --file Dockerfile --build-arg VULKAN_DRIVER=nvidia --build-arg REVISION= .",
                // The role is in force at the second look.
                "az storage blob list --account-name stgemma2abc --container-name models --auth-mode login --num-results 1 --output none",
                "az storage blob list --account-name stgemma2abc --container-name models --auth-mode login --num-results 1 --output none",
                $"gemma2 push {_azure.PathOf("Gemma-2-2b-it")} gemma-2-2b-it [account stgemma2abc]",
                Deployment("first"),
                Deployment("complete"),
                $"az rest --method get --url {App("func-gemma2-abc")}?api-version=2026-07-01 --query properties.template.scale --output json",
            ],
            _azure.Calls.Select(call => Regex.Replace(call.Replace(" [keys]", "", StringComparison.Ordinal), "REVISION=[0-9a-f]{40}(-dirty)?", "REVISION=")));
        Assert.Equal(
            [
                "AZURE_ENV_NAME=trial", "AZURE_LOCATION=swedencentral", "AZURE_PRINCIPAL_ID=11111111-2222-3333-4444-555555555555", "AZURE_PRINCIPAL_TYPE=User",
                "AZURE_RESOURCE_GROUP=rg-trial", $"AZURE_SUBSCRIPTION_ID={FakeAzure.Subscription}", "GEMMA2_ADMIN_KEY=", "GEMMA2_GPU=T4", "GEMMA2_HOST=functions", "GEMMA2_IMAGE_TAG=v1", "GEMMA2_MODEL=gemma-2-2b-it",
                "GEMMA2_PARAMETERS=infra/bicep/main.bicepparam", "GEMMA2_STAGE=complete",
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
        (await _azure.WithDeploymentAsync()).Variable("GEMMA2_API_KEYS", "");
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
        Assert.Contains($"az containerapp secret show --subscription {FakeAzure.Subscription} --resource-group rg-trial --name func-gemma2-abc --secret-name api-keys", output, StringComparison.Ordinal);
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
            ["docker build --target app --file Dockerfile --build-arg VULKAN_DRIVER=software --build-arg REVISION= --tag crgemma2abc.azurecr.io/gemma2-functions:v1 .", "docker push crgemma2abc.azurecr.io/gemma2-functions:v1"],
            _azure.Calls.Where(call => call.StartsWith("docker", StringComparison.Ordinal)).Select(call => Regex.Replace(call, "REVISION=[0-9a-f]{40}(-dirty)?", "REVISION=")));
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

    [Theory]
    [InlineData("the location is not set", "--model", "nano")]
    [InlineData("no model is given", "--location", "swedencentral")]
    [InlineData("there is no file 'nowhere.bicepparam' with parameters", "--location", "swedencentral", "--model", "nano", "--parameters", "nowhere.bicepparam")]
    public async Task Deploy_ChoiceMissingThatNothingDeployedHas_SaysSoAndChangesNothing(string reason, params string[] arguments)
    {
        (int exitCode, string output) = await _azure.DeployAsync(arguments);

        Assert.Equal(1, exitCode);
        Assert.Contains("error: " + reason, output, StringComparison.Ordinal);
        Assert.DoesNotContain(_azure.Calls, call => call.Contains(" create ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Deploy_Subscription_IsTheOneOfEveryCall()
    {
        (int exitCode, string output) = await DeployAsync("--model", _azure.Model(), "--image-tag", "v1", "--no-smoke", "--subscription", "other-subscription");

        Assert.True(exitCode == 0, output);
        Assert.Contains("subscription Trial (other-subscription)\n", output, StringComparison.Ordinal);
        Assert.All(_azure.AllOfCalls.Where(call => call.StartsWith("az ", StringComparison.Ordinal)), call => Assert.Contains(" --subscription other-subscription", call, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Deploy_NoSubscriptionGiven_StaysWithTheOneThatWasTheDefaultAtFirst()
    {
        (int exitCode, string output) = await DeployAsync("--model", "nano", "--image-tag", "v1", "--no-smoke");

        Assert.True(exitCode == 0, output);
        Assert.All(
            _azure.AllOfCalls.Where(call => call.StartsWith("az ", StringComparison.Ordinal)).Skip(1),
            call => Assert.Contains($" --subscription {FakeAzure.Subscription}", call, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Deploy_Digests_PinTheBaseImages()
    {
        string app = "@sha256:" + new string('a', 64), sdk = "sha256:" + new string('b', 64);
        (int exitCode, string output) = await DeployAsync("--model", "nano", "--image-tag", "v1", "--no-smoke", "--digest", "app=" + app, "--digest", "sdk=" + sdk);

        Assert.True(exitCode == 0, output);
        Assert.EndsWith($" --build-arg SDK_DIGEST=@{sdk} --build-arg APP_DIGEST={app} . [keys]", _azure.Calls.Single(call => call.StartsWith("az acr build", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_PremiumRegistry_StreamsTheImage()
    {
        (int exitCode, string output) = await DeployAsync("--model", "nano", "--image-tag", "v1", "--no-smoke", "--registry-sku", "Premium");

        Assert.True(exitCode == 0, output);
        Assert.Contains("az acr artifact-streaming update --name crgemma2abc --repository gemma2-functions --enable-streaming true --output none [keys]", _azure.Calls);
    }

    [Fact]
    public async Task Deploy_NetworkOptions_ReachTheParameters()
    {
        (int exitCode, string output) = await DeployAsync(
            "--model", "nano", "--image-tag", "v1", "--no-smoke", "--public", "false", "--private", "true", "--private-registry", "true", "--registry-sku", "Premium", "--builder", "docker",
            "--allowed-ips", "203.0.113.7,198.51.100.0/24", "--idle-minutes", "30", "--apps-subnet", "/subnets/apps", "--endpoints-subnet", "/subnets/endpoints", "--alert-emails", "me@example.com");

        Assert.True(exitCode == 0, output);
        Assert.Equal(
            [
                "GEMMA2_ALERT_EMAILS=me@example.com", "GEMMA2_ALLOWED_IPS=203.0.113.7,198.51.100.0/24", "GEMMA2_APPS_SUBNET_ID=/subnets/apps", "GEMMA2_ENDPOINTS_SUBNET_ID=/subnets/endpoints",
                "GEMMA2_IS_PRIVATE=true", "GEMMA2_IS_PUBLIC=false", "GEMMA2_IS_REGISTRY_PRIVATE=true", "GEMMA2_REGISTRY_SKU=Premium", "GEMMA2_REQUEST_IDLE_MINUTES=30",
            ],
            _azure.Parameters.Where(line => Regex.IsMatch(line, "^GEMMA2_(ALERT|ALLOWED|APPS|ENDPOINTS|IS_|REGISTRY|REQUEST)")));
    }

    [Fact]
    public async Task Deploy_PrivateRegistry_IsNotBuiltByItsAgents()
    {
        (int exitCode, string output) = await DeployAsync("--model", "nano", "--image-tag", "v1", "--private-registry", "true", "--registry-sku", "Premium");

        Assert.Equal(1, exitCode);
        Assert.Contains("error: a private registry is out of reach for its own build agents: build with --builder docker", output, StringComparison.Ordinal);
        Assert.DoesNotContain(_azure.Calls, call => call.Contains(" create ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Deploy_NotPublic_LeavesTheSmokeTestOutAndSaysWhereToRunIt()
    {
        (int exitCode, string output) = await DeployAsync("--model", "nano", "--image-tag", "v1", "--public", "false");

        Assert.True(exitCode == 0, output);
        Assert.Contains("    left out: https://trial.example is reached from inside its network alone. On a machine there: GEMMA2_API_KEY=KEY infra/smoke.sh https://trial.example\n", output, StringComparison.Ordinal);
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
    [InlineData("glslc")]
    [InlineData("spirv-val")]
    public async Task Deploy_ToolMissingThatBuildsGemma2_SaysWhatItIsForAndHowToDoWithout(string tool)
    {
        _azure.Without(tool).Variable("GEMMA2", "nowhere/gemma2");
        foreach (string other in (string[])["dotnet", "glslc", "spirv-val"])
            if (other != tool && !File.Exists(_azure.PathOf("bin/" + other))) File.CreateSymbolicLink(_azure.PathOf("bin/" + other), "/bin/true");
        (int exitCode, string output) = await DeployAsync("--model", _azure.Model());
        (int pulled, string pulledOutput) = await DeployAsync("--model", "hf:google/gemma-2-2b-it", "--image-tag", "v1", "--no-smoke");

        Assert.Equal((1, $"error: {tool} is needed to build gemma2, which pushes the model, and not on PATH; a model of Hugging Face can be pulled in the cloud instead (--model hf:OWNER/NAME).\n"), (exitCode, output));
        Assert.True(pulled == 0, pulledOutput);
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
    [InlineData("the model './nowhere' is neither a .gguf file nor a folder with", "--name", "trial", "--location", "x", "--model", "./nowhere")]
    [InlineData("the model 'nowhere.gguf' is neither a .gguf file nor a folder with", "--name", "trial", "--location", "x", "--model", "nowhere.gguf")]
    [InlineData("the model './infra' is neither a .gguf file nor a folder with", "--name", "trial", "--location", "x", "--model", "./infra")]
    [InlineData("the model './README.md' is neither a .gguf file nor a folder with", "--name", "trial", "--location", "x", "--model", "./README.md")]
    [InlineData("the host is 'vm'; allowed are functions and containerapp", "--name", "trial", "--location", "x", "--model", "nano", "--host", "vm")]
    [InlineData("the GPU is 'H100'; allowed are T4, A100 and none", "--name", "trial", "--location", "x", "--model", "nano", "--gpu", "H100")]
    [InlineData("the word for --public is 'no'; allowed are true and false", "--name", "trial", "--public", "no")]
    [InlineData("the registry's SKU is 'Huge'; allowed are Basic, Standard and Premium", "--name", "trial", "--registry-sku", "Huge")]
    [InlineData("the idle time is '31'; allowed are 4 to 30 minutes", "--name", "trial", "--idle-minutes", "31")]
    [InlineData("the digest is 'base=sha256:1'; allowed is NAME=@sha256:HASH", "--name", "trial", "--digest", "base=sha256:1")]
    [InlineData("the model 'hf:gemma' is not hf:OWNER/NAME", "--name", "trial", "--model", "hf:gemma")]
    [InlineData("a driver from an address needs --driver-sha256", "--name", "trial", "--driver", "https://drivers.example/{version}.tar.zst")]
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

    private static string App(string name) => $"/subscriptions/{FakeAzure.Subscription}/resourceGroups/rg-trial/providers/Microsoft.App/containerApps/{name}";

    private async Task<ScriptedService> ServiceAsync(string key)
    {
        ScriptedService service = await ScriptedService.StartAsync(key);
        _azure.Variable("ENDPOINT", service.Url);
        return service;
    }

    private Task<(int ExitCode, string Output)> DeployAsync(params string[] arguments) => _azure.DeployAsync(["--location", "swedencentral", .. arguments]);

    private void AssertNoSecret(string output) => Assert.DoesNotContain("Secret", output + string.Concat(_azure.Calls), StringComparison.Ordinal);
}
