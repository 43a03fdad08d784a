using System.Text.Json;

namespace Gemma2.Infra.Tests.Bicep;

/// <summary>The sources themselves: without warnings, formatted, every parameter described and bounded.</summary>
public sealed class SourcesTests(Deployments deployments)
{
    [Fact]
    public async Task Lint_AllSources_FindsNothing()
    {
        (int exitCode, string output) = await BicepCli.RunAsync(deployments.Copy, "lint", "--pattern", "**/*.bicep");

        Assert.True(exitCode == 0 && output.Length == 0, output);
    }

    [Fact]
    public async Task Lint_ParameterFiles_FindsNothing()
    {
        (int exitCode, string output) = await BicepCli.RunAsync(deployments.Copy, "lint", "--pattern", "*.bicepparam");

        Assert.True(exitCode == 0 && output.Length == 0, output);
    }

    /// <summary>What it lists wants <c>bicep format</c>.</summary>
    [Theory]
    [InlineData("**/*.bicep")]
    [InlineData("*.bicepparam")]
    public async Task Format_AllSources_ChangesNothing(string pattern)
    {
        string formatted = Deployments.CopySources();
        try
        {
            (int exitCode, string output) = await BicepCli.RunAsync(formatted, "format", "--pattern", pattern);
            Assert.True(exitCode == 0, output);

            string[] changed = [.. Directory.GetFiles(formatted, "*.bicep*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(formatted, file))
                .Where(name => File.ReadAllText(Path.Combine(deployments.Copy, name)) != File.ReadAllText(Path.Combine(formatted, name)))];
            Assert.Equal([], changed);
        }
        finally
        {
            Directory.Delete(formatted, recursive: true);
        }
    }

    [Fact]
    public async Task Parameters_OfMain_AreDescribedAndBounded()
    {
        JsonElement template = await deployments.TemplateAsync();
        // What Azure itself checks, what is secret, what is free by nature.
        string[] free = ["location", "apiKeys", "callbackSecret", "adminKey", "tags"];

        foreach (JsonProperty parameter in template.GetProperty("parameters").EnumerateObject())
        {
            Assert.True(parameter.Value.TryGetProperty("metadata", out JsonElement metadata) && metadata.GetProperty("description").GetString()!.Length > 0, parameter.Name);
            string[] bounds = parameter.Value.TryGetProperty("$ref", out _) || parameter.Value.TryGetProperty("allowedValues", out _) ? [] : parameter.Value.GetProperty("type").GetString() switch
            {
                "int" => ["minValue", "maxValue"],
                "string" or "array" => ["maxLength"],
                "securestring" or "object" when free.Contains(parameter.Name) || parameter.Value.TryGetProperty("properties", out _) => [],
                "bool" => [],
                var type => [$"a type that is bounded, not {type}"],
            };
            Assert.All(free.Contains(parameter.Name) ? [] : bounds, bound => Assert.True(parameter.Value.TryGetProperty(bound, out _), $"{parameter.Name} has no {bound}."));
        }
    }

    [Fact]
    public async Task Parameters_ImageTag_HasNoDefault()
    {
        JsonElement template = await deployments.TemplateAsync();

        Assert.False(template.GetProperty("parameters").GetProperty("imageTag").TryGetProperty("defaultValue", out _));
        Assert.All(Deployments.Shipped, name => Assert.Contains(
            "param imageTag = readEnvironmentVariable('GEMMA2_IMAGE_TAG')\n", File.ReadAllText(Path.Combine(Deployments.Sources, $"{name}.bicepparam")), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("unsigned-callbacks", "param apiKeys = 'key'\nparam settings = { callbackHosts: 'example.com' }", "callbackSecret is empty")]
    [InlineData("no-admin-key", "param apiKeys = 'key'\nparam hasAdminKey = true", "adminKey is empty")]
    [InlineData("basic-registry", "param apiKeys = 'key'\nparam isRegistryPrivate = true", "registrySku is Basic, and isRegistryPrivate is true: private endpoints need Premium")]
    [InlineData("no-subnet", "param apiKeys = 'key'\nparam appsSubnetId = 'apps'", "apps is no subnet's resource id")]
    [InlineData("endpoints-alone", "param apiKeys = 'key'\nparam endpointsSubnetId = '/a/subnets/b'", "endpointsSubnetId names a subnet and appsSubnetId none")]
    [InlineData("apps-alone", "param apiKeys = 'key'\nparam isPrivate = true\nparam appsSubnetId = '/a/subnets/b'", "appsSubnetId names a subnet of your own, and endpointsSubnetId none")]
    [InlineData("few-replicas", "param apiKeys = 'key'\nparam minReplicas = 3\nparam maxReplicas = 2", "minReplicas is 3, more than maxReplicas, which is 2")]
    public async Task Parameters_ThatContradictEachOther_AreRefused(string name, string parameters, string reason)
    {
        string folder = Path.Combine(deployments.Copy, "refused");
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(
            Path.Combine(folder, $"{name}.bicepparam"),
            $"using '../main.bicep'\nparam environmentName = 'gemma2'\nparam location = 'swedencentral'\nparam imageTag = '1'\nparam gpu = 'T4'\nparam model = 'm'\n{parameters}\n",
            TestContext.Current.CancellationToken);

        (int exitCode, string output) = await BicepCli.RunAsync(folder, ["snapshot", $"{name}.bicepparam", .. Deployments.Scope]);

        Assert.NotEqual(0, exitCode);
        Assert.Contains(reason, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Outputs_OfMain_AreThoseThatTheScriptsRead()
    {
        JsonElement template = await deployments.TemplateAsync();

        Assert.Equal(
            [
                "containerAppName", "endpoint", "environmentDomain", "environmentIp", "environmentName", "functionAppName", "identityClientId", "identityId", "imageName",
                "networkId", "registryLoginServer", "registryName", "registrySku", "resourceGroupName", "scaleRules", "storageAccountName",
            ],
            template.GetProperty("outputs").EnumerateObject().Select(output => output.Name).Order());
    }

    [Fact]
    public async Task Template_Names_ComeFromNothingThatChanges()
    {
        string template = (await deployments.TemplateAsync()).GetRawText();

        Assert.DoesNotContain("newGuid(", template, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("utcNow(", template, StringComparison.OrdinalIgnoreCase);
    }
}
