using System.Globalization;
using System.Text.Json;
using Gemma2.Functions;
using Gemma2.Functions.Configuration;
using Gemma2.Functions.Hosts.Standalone;
using Gemma2.Functions.Hosts.Worker;
using Gemma2.Functions.Tests;
using Gemma2.Service.Http;
using Gemma2.Service.Options;
using Gemma2.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Gemma2.Infra.Tests.Bicep;

/// <summary>The app's side and the deployment's side of what both must know: settings, probes, ports, queues, times.</summary>
public sealed class AppTests(Deployments deployments)
{
    public static TheoryData<string> WithApp { get; } = [.. Deployments.Shipped, .. Deployments.ForTests.Where(name => name != "foundation")];

    [Fact]
    public async Task Settings_OfEverything_AreAllThatTheAppHas()
    {
        string prefix = $"{Gemma2Options.Section}__";
        IEnumerable<string> settings = (await deployments.PredictAsync("everything")).Environment.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal));

        Assert.Equal(typeof(Gemma2Options).GetProperties().Where(property => property.SetMethod is not null).Select(property => prefix + property.Name).Order(), settings.Order());
    }

    [Theory]
    [MemberData(nameof(WithApp))]
    public async Task Settings_OfEachDeployment_AreAcceptedByTheApp(string name)
    {
        ConfigurationManager configuration = Configuration((await deployments.PredictAsync(name)).Environment);

        Gemma2Options options = Gemma2OptionsReader.Read(configuration);

        // A container without keys refuses to start, unless that is said to be meant.
        Assert.Equal(options.ApiKeys.Count == 0, options.AllowAnonymous);
        Assert.Contains(".blob.core.windows.net", StorageConnection.FromSettings(key => configuration[key]).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_Bounds_AreThoseOfTheApp()
    {
        JsonElement type = (await deployments.TemplateAsync()).GetProperty("definitions").EnumerateObject()
            .Single(definition => definition.Name.EndsWith("serviceSettings", StringComparison.Ordinal)).Value;
        JsonProperty[] numbers = [.. type.GetProperty("properties").EnumerateObject().Where(property => property.Value.TryGetProperty("minValue", out _))];

        Assert.NotEmpty(numbers);
        Assert.All(numbers, number =>
        {
            int least = number.Value.GetProperty("minValue").GetInt32();
            int most = number.Value.GetProperty("maxValue").GetInt32();
            Assert.True(Accepts(number.Name, least) && Accepts(number.Name, most), $"{number.Name}: the app does not take all of {least} to {most}.");
            Assert.False(Accepts(number.Name, least - 1) || Accepts(number.Name, most + 1), $"{number.Name}: the app takes more than {least} to {most}.");
        });
    }

    [Theory]
    [MemberData(nameof(WithApp))]
    public async Task Settings_SoftwareDevice_IsAllowedWithoutAGpuOnly(string name)
    {
        Deployment deployment = await deployments.PredictAsync(name);
        bool hasGpu = deployment.Environment.ContainsKey("NVIDIA_DRIVER_CAPABILITIES");

        Assert.Equal(name == "no-gpu", !hasGpu);
        Assert.Equal(!hasGpu, Gemma2OptionsReader.Read(Configuration(deployment.Environment)).AllowSoftwareDevice);
    }

    [Theory]
    [MemberData(nameof(WithApp))]
    public async Task WorkloadProfile_OfTheApp_IsOneOfTheEnvironment(string name)
    {
        Deployment deployment = await deployments.PredictAsync(name);

        Assert.Contains(
            Deployment.Properties(deployment.App).GetProperty("workloadProfileName").GetString(),
            Deployment.Properties(deployment.Single("Microsoft.App/managedEnvironments")).GetProperty("workloadProfiles").EnumerateArray()
                .Select(profile => profile.GetProperty("name").GetString()));
        // The first container alone gets the GPU.
        Assert.Equal(1, deployment.Template.GetProperty("containers").GetArrayLength());
    }

    [Theory]
    [MemberData(nameof(WithApp))]
    public async Task Probes_Paths_AreRoutesOfTheApp(string name)
    {
        string?[] paths = [.. (await Probes(name)).Select(probe => probe.GetProperty("httpGet").GetProperty("path").GetString())];
        await using WebApplication app = StandaloneHost.Build(["--Gemma2:Model=./none"]);
        string[] anonymous = [.. ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.Metadata.GetMetadata<Microsoft.AspNetCore.Authorization.IAllowAnonymous>() is not null)
            .Select(endpoint => endpoint.RoutePattern.RawText!)];

        Assert.All(paths, path => Assert.Contains(path, anonymous));
    }

    [Theory]
    [InlineData("main", 20)]
    [InlineData("a100-27b", 60)]
    [InlineData("no-gpu", 10)]
    public async Task Probes_StartUp_LastsAsLongAsTheModelMayTake(string name, int minutes)
    {
        JsonElement startup = (await Probes(name)).Single(probe => probe.GetProperty("type").GetString() == "Startup");
        int period = startup.GetProperty("periodSeconds").GetInt32();
        int tries = startup.GetProperty("failureThreshold").GetInt32();

        Assert.InRange(period * tries, minutes * 60, minutes * 120);
        // As many as the platform's own start-up probe has; more are not known to be allowed.
        Assert.InRange(tries, 1, 240);
    }

    [Theory]
    [MemberData(nameof(WithApp))]
    public async Task Ports_AllThree_AreOne(string name)
    {
        Deployment deployment = await deployments.PredictAsync(name);
        int port = Deployment.Properties(deployment.App).GetProperty("configuration").GetProperty("ingress").GetProperty("targetPort").GetInt32();

        Assert.Equal($"http://+:{port}", deployment.Environment["ASPNETCORE_URLS"]);
        Assert.All(await Probes(name), probe => Assert.Equal(port, probe.GetProperty("httpGet").GetProperty("port").GetInt32()));
    }

    [Theory]
    [MemberData(nameof(WithApp))]
    public async Task GracePeriod_OfAReplica_IsLongerThanTheAppNeedsToStop(string name)
    {
        await using WebApplication app = StandaloneHost.Build(["--Gemma2:Model=./none"]);
        TimeSpan timeToStop = app.Services.GetRequiredService<IOptions<HostOptions>>().Value.ShutdownTimeout;

        Assert.True((await deployments.PredictAsync(name)).Template.GetProperty("terminationGracePeriodSeconds").GetInt32() > timeToStop.TotalSeconds + 10);
    }

    [Theory]
    [MemberData(nameof(WithApp))]
    public async Task ScaleRules_Queues_AreAllOfTheApp(string name)
    {
        Deployment deployment = await deployments.PredictAsync(name);
        if (name == "first") return;
        JsonElement[] rules = [.. deployment.Scale.GetProperty("rules").EnumerateArray()];
        JsonElement[] queues = [.. rules.Where(rule => rule.TryGetProperty("custom", out _)).Select(rule => rule.GetProperty("custom"))];

        Assert.Equal(StorageNames.Queues.Order(), queues.Select(rule => rule.GetProperty("metadata").GetProperty("queueName").GetString()!).Order());
        Assert.All(queues, rule =>
        {
            Assert.Equal("azure-queue", rule.GetProperty("type").GetString());
            Assert.EndsWith(Deployment.Name(deployment.Single("Microsoft.ManagedIdentity/userAssignedIdentities")), rule.GetProperty("identity").GetString(), StringComparison.Ordinal);
            Assert.Equal(Deployment.Name(deployment.Single("Microsoft.Storage/storageAccounts")), rule.GetProperty("metadata").GetProperty("accountName").GetString());
            Assert.Equal("all", rule.GetProperty("metadata").GetProperty("queueLengthStrategy").GetString());
        });
        Assert.Single(rules, rule => rule.TryGetProperty("http", out _));
    }

    /// <summary>The scripts set them where the platform refuses them in a deployment.</summary>
    [Theory]
    [InlineData("foundation")]
    [InlineData("first")]
    [InlineData("main")]
    public async Task ScaleRules_GivenOut_AreThoseOfTheCompleteApp(string stage)
    {
        JsonElement given = (await deployments.PredictAsync(stage)).Outputs.Single(output => output.Name == "scaleRules").Value;

        Assert.True(JsonElement.DeepEquals((await deployments.PredictAsync("main")).Scale.GetProperty("rules"), given));
    }

    [Theory]
    [InlineData("main", 4)]
    [InlineData("a100-27b", 4)]
    public async Task ScaleRules_Jobs_AreAsManyAsAReplicaWorksOnAtOnce(string name, int jobs)
    {
        Deployment deployment = await deployments.PredictAsync(name);
        JsonElement rule = deployment.Scale.GetProperty("rules").EnumerateArray().Single(rule => rule.GetProperty("name").GetString() == StorageNames.CompletionRequests);

        Assert.Equal(jobs.ToString(CultureInfo.InvariantCulture), rule.GetProperty("custom").GetProperty("metadata").GetProperty("queueLength").GetString());
        Assert.Equal(jobs, Gemma2OptionsReader.Read(Configuration(deployment.Environment)).JobsAtOnce);
    }

    [Theory]
    [MemberData(nameof(WithApp))]
    public async Task Replicas_AtRest_AreNone(string name) =>
        Assert.Equal(name is "everything" or "always-on" ? 1 : 0, (await deployments.PredictAsync(name)).Scale.GetProperty("minReplicas").GetInt32());

    [Fact]
    public async Task Stages_OneAfterTheOther_AddTheAppAndThenItsScaleRules()
    {
        Deployment foundation = await deployments.PredictAsync("foundation");
        Deployment first = await deployments.PredictAsync("first");
        Deployment complete = await deployments.PredictAsync("main");

        Assert.False(foundation.HasApp);
        Assert.Empty(foundation.Of("Microsoft.Insights/scheduledQueryRules"));
        // Azure refuses own rules of a Functions app that does not exist yet.
        Assert.Empty(first.Scale.GetProperty("rules").EnumerateArray());
        Assert.False(first.Scale.GetProperty("allowScalingRuleOverride").GetBoolean());
        Assert.True(complete.Scale.GetProperty("allowScalingRuleOverride").GetBoolean());
        Assert.Equal(Ids(complete), Ids(first));
        Assert.Empty(Ids(foundation).Except(Ids(complete)));
    }

    [Fact]
    public async Task Hosts_BothOfThem_GetTheirOwnKindAndSettings()
    {
        Deployment functions = await deployments.PredictAsync("main");
        Deployment alone = await deployments.PredictAsync("containerapp");

        Assert.Equal("functionapp", functions.App.GetProperty("kind").GetString());
        Assert.Equal("dotnet-isolated", functions.Environment["FUNCTIONS_WORKER_RUNTIME"]);
        // What the host compares the value with; with one that it does not know it keeps keys in the storage account.
        Assert.Equal("containerapps", functions.Environment["AzureWebJobsSecretStorageType"], ignoreCase: true);
        // A timer of every minute would be a scale rule that never lets go of its GPU.
        Assert.True(SweepFunction.IsDisabled(new ConfigurationBuilder().AddInMemoryCollection(
            functions.Environment.Select(variable => KeyValuePair.Create<string, string?>(variable.Key.Replace("__", ":", StringComparison.Ordinal), variable.Value))).Build()));
        Assert.DoesNotContain("AzureWebJobsFeatureFlags", functions.Environment.Keys);
        Assert.False(alone.App.TryGetProperty("kind", out JsonElement kind) && kind.ValueKind != JsonValueKind.Null);
        Assert.False(alone.Scale.TryGetProperty("allowScalingRuleOverride", out JsonElement own) && own.ValueKind != JsonValueKind.Null);
        Assert.DoesNotContain(alone.Environment.Keys, name => name.StartsWith("FUNCTIONS_", StringComparison.Ordinal) || name.StartsWith("APPLICATIONINSIGHTS_", StringComparison.Ordinal));
        Assert.DoesNotContain("CONTAINER_NAME", functions.Environment.Keys);
    }

    private async Task<IReadOnlyList<JsonElement>> Probes(string name) => [.. (await deployments.PredictAsync(name)).Container.GetProperty("probes").EnumerateArray()];

    private static IEnumerable<string> Ids(Deployment deployment) => deployment.Resources.Select(resource => resource.GetProperty("id").GetString()!).Order();

    /// <summary>A container's environment as the app reads it. Secrets have a value that passes, and so has what only Azure knows.</summary>
    private static ConfigurationManager Configuration(IReadOnlyDictionary<string, string?> environment)
    {
        var configuration = new ConfigurationManager();
        foreach ((string name, string? value) in environment)
            configuration[name.Replace("__", ":", StringComparison.Ordinal)] = value is null ? Secret(name) : value.StartsWith('[') ? Guid.Empty.ToString() : value;
        return configuration;
    }

    private static bool Accepts(string setting, int value)
    {
        var configuration = new ConfigurationManager { ["Gemma2:Model"] = "nano", [$"Gemma2:{setting}"] = value.ToString(CultureInfo.InvariantCulture) };
        try
        {
            Gemma2OptionsReader.Read(configuration);
            return true;
        }
        catch (ConfigurationException)
        {
            return false;
        }
    }

    private static string Secret(string name) => name switch
    {
        "Gemma2__ApiKeys" => BicepCli.ApiKeys,
        "Gemma2__AdminKey" => BicepCli.AdminKey,
        _ => BicepCli.CallbackSecret,
    };
}
