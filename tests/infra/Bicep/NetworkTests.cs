using System.Text.Json;

namespace Gemma2.Infra.Tests.Bicep;

/// <summary>Who can reach the app, and what the app reaches by private ways.</summary>
public sealed class NetworkTests(Deployments deployments)
{
    private const string EnvironmentType = "Microsoft.App/managedEnvironments";
    private const string ZoneType = "Microsoft.Network/privateDnsZones";
    private const string Hub = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/hub/providers/Microsoft.Network/virtualNetworks/spoke/subnets/";

    public static TheoryData<string> Shipped { get; } = [.. Deployments.Shipped];

    [Theory]
    [MemberData(nameof(Shipped))]
    public async Task Public_Deployment_MakesNoNetwork(string name)
    {
        Deployment deployment = await deployments.PredictAsync(name);

        Assert.DoesNotContain(deployment.Resources, resource => resource.GetProperty("type").GetString()!.StartsWith("Microsoft.Network/", StringComparison.Ordinal));
        Assert.False(Has(Environment(deployment), "vnetConfiguration"));
    }

    /// <summary>An environment that the internet does not reach is reached from its network, or from nowhere.</summary>
    [Theory]
    [InlineData("anonymous")]
    [InlineData("everything")]
    public async Task Internal_App_IsFoundAndReachedInItsNetwork(string name)
    {
        Deployment deployment = await deployments.PredictAsync(name);
        string network = deployment.Single("Microsoft.Network/virtualNetworks").GetProperty("id").GetString()!;
        string environment = deployment.Single(EnvironmentType).GetProperty("id").GetString()!;
        JsonElement zone = deployment.Of(ZoneType).Single(zone => zone.GetProperty("name").GetString()!.Contains(".defaultDomain", StringComparison.Ordinal));
        JsonElement record = deployment.Single($"{ZoneType}/A");

        Assert.True(Environment(deployment).GetProperty("vnetConfiguration").GetProperty("internal").GetBoolean());
        Assert.Equal($"{network}/subnets/apps", Environment(deployment).GetProperty("vnetConfiguration").GetProperty("infrastructureSubnetId").GetString());
        // "External" is outside of the environment, which is the network here.
        Assert.True(Ingress(deployment).GetProperty("external").GetBoolean());
        Assert.Contains($"reference('{environment}'", zone.GetProperty("name").GetString(), StringComparison.Ordinal);
        Assert.Contains(".defaultDomain, '*')", record.GetProperty("name").GetString(), StringComparison.Ordinal);
        Assert.Matches($@"^\[reference\('{environment}', '[^']+'\)\.staticIp\]$", Deployment.Properties(record).GetProperty("aRecords").EnumerateArray().Single().GetProperty("ipv4Address").GetString());
        Assert.All(deployment.Of($"{ZoneType}/virtualNetworkLinks"), link => Assert.Equal(network, Deployment.Properties(link).GetProperty("virtualNetwork").GetProperty("id").GetString()));
        Assert.Equal(deployment.Of(ZoneType).Count(), deployment.Of($"{ZoneType}/virtualNetworkLinks").Count());
    }

    [Fact]
    public async Task Registry_Private_IsReachedThroughItsEndpointAndAllowedAddresses()
    {
        Deployment deployment = await deployments.PredictAsync("everything");
        JsonElement registry = deployment.Single("Microsoft.ContainerRegistry/registries");
        JsonElement endpoint = deployment.Of("Microsoft.Network/privateEndpoints").Single(endpoint => Deployment.PrivateGroup(endpoint) == "registry");

        Assert.Equal("Deny", Deployment.Properties(registry).GetProperty("networkRuleSet").GetProperty("defaultAction").GetString());
        Assert.Equal(
            ["203.0.113.7"],
            Deployment.Properties(registry).GetProperty("networkRuleSet").GetProperty("ipRules").EnumerateArray().Select(rule => rule.GetProperty("value").GetString()!));
        Assert.Contains(Deployment.Name(registry), endpoint.GetProperty("name").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Endpoints_OfPrivateServices_AreInTheZonesOfTheirParts()
    {
        Deployment deployment = await deployments.PredictAsync("everything");
        (string Part, string Zone)[] parts = [.. deployment.Of("Microsoft.Network/privateEndpoints/privateDnsZoneGroups")
            .Select(group => Deployment.Properties(group).GetProperty("privateDnsZoneConfigs").EnumerateArray().Single())
            .Select(config => (config.GetProperty("name").GetString()!, config.GetProperty("properties").GetProperty("privateDnsZoneId").GetString()!))];

        // Azure knows the suffixes of its cloud.
        Assert.Equal(["blob", "queue", "registry"], parts.Select(part => part.Part).Order());
        Assert.All(parts, part => Assert.Contains(
            part.Part == "registry" ? "format('privatelink{0}', environment().suffixes.acrLoginServer)" : $"format('privatelink.{{0}}.{{1}}', '{part.Part}', environment().suffixes.storage)",
            part.Zone, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Subnets_OfYourOwn_AreUsedAndNothingIsMadeBesideThem()
    {
        Deployment deployment = await deployments.PredictAsync("own-network");
        JsonElement configuration = Environment(deployment).GetProperty("vnetConfiguration");

        Assert.Equal($"{Hub}apps", configuration.GetProperty("infrastructureSubnetId").GetString());
        Assert.True(configuration.GetProperty("internal").GetBoolean());
        Assert.All(deployment.Of("Microsoft.Network/privateEndpoints"), endpoint => Assert.Equal($"{Hub}private", Deployment.Properties(endpoint).GetProperty("subnet").GetProperty("id").GetString()));
        Assert.Equal(
            ["Microsoft.Network/privateEndpoints"],
            deployment.Resources.Select(resource => resource.GetProperty("type").GetString()!).Where(type => type.StartsWith("Microsoft.Network/", StringComparison.Ordinal)).Distinct());
        Assert.Equal($"{Hub[..^"/subnets/".Length]}", deployment.Outputs.Single(output => output.Name == "networkId").Value.GetString());
    }

    [Fact]
    public async Task Ingress_WithTheDefaultTime_IsThePlatformsOwn()
    {
        JsonElement environment = Environment(await deployments.PredictAsync("main"));

        Assert.False(Has(environment, "ingressConfiguration"));
        Assert.DoesNotContain(environment.GetProperty("workloadProfiles").EnumerateArray(), profile => profile.TryGetProperty("minimumCount", out _));
    }

    /// <summary>The platform wants two nodes at least, in a profile that is not Consumption and that no app uses.</summary>
    [Fact]
    public async Task Ingress_WithALongerTime_HasNodesOfItsOwn()
    {
        Deployment deployment = await deployments.PredictAsync("everything");
        JsonElement ingress = Environment(deployment).GetProperty("ingressConfiguration");
        JsonElement profile = Environment(deployment).GetProperty("workloadProfiles").EnumerateArray()
            .Single(profile => profile.GetProperty("name").GetString() == ingress.GetProperty("workloadProfileName").GetString());

        Assert.Equal(30, ingress.GetProperty("requestIdleTimeout").GetInt32());
        Assert.DoesNotContain("Consumption", profile.GetProperty("workloadProfileType").GetString(), StringComparison.Ordinal);
        Assert.Equal(2, profile.GetProperty("minimumCount").GetInt32());
        Assert.NotEqual(profile.GetProperty("name").GetString(), Deployment.Properties(deployment.App).GetProperty("workloadProfileName").GetString());
    }

    /// <summary>The platform sets the whole ingress anew: a name that a deployment does not give is taken from the app.</summary>
    [Fact]
    public async Task CustomDomains_OfADeployment_AreBoundToTheApp()
    {
        JsonElement domain = Ingress(await deployments.PredictAsync("everything")).GetProperty("customDomains").EnumerateArray().Single();

        Assert.Equal(("gemma.example.com", "SniEnabled"), (domain.GetProperty("name").GetString(), domain.GetProperty("bindingType").GetString()));
        Assert.EndsWith("/managedCertificates/gemma", domain.GetProperty("certificateId").GetString(), StringComparison.Ordinal);
        Assert.False(Has(Ingress(await deployments.PredictAsync("main")), "customDomains"));
    }

    private static JsonElement Ingress(Deployment deployment) => Deployment.Properties(deployment.App).GetProperty("configuration").GetProperty("ingress");

    private static JsonElement Environment(Deployment deployment) => Deployment.Properties(deployment.Single(EnvironmentType));

    private static bool Has(JsonElement properties, string name) => properties.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null;
}
