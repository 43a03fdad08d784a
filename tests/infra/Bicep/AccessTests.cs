using System.Text.Json;

namespace Gemma2.Infra.Tests.Bicep;

/// <summary>Who may do what: the app's identity has the roles that it needs and no others, and no key opens anything.</summary>
public sealed class AccessTests(Deployments deployments)
{
    // https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
    private const string StorageBlobDataContributor = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";
    private const string StorageQueueDataContributor = "974c5e8b-45b9-4653-ba55-5f855dd0fb88";
    private const string AcrPull = "7f951dda-4ed3-4680-a7ca-43fe172d538d";
    private const string MonitoringMetricsPublisher = "3913510d-42f4-4e42-8a64-420c390055eb";

    private static readonly string[] AppRoles =
    [
        $"Microsoft.Storage/storageAccounts {StorageBlobDataContributor} app",
        $"Microsoft.Storage/storageAccounts {StorageQueueDataContributor} app",
        $"Microsoft.ContainerRegistry/registries {AcrPull} app",
    ];

    [Theory]
    [MemberData(nameof(Deployments.All), MemberType = typeof(Deployments))]
    public async Task Roles_Assigned_AreNoMoreThanNeeded(string name)
    {
        Deployment deployment = await deployments.PredictAsync(name);
        bool isFunctionsHost = deployment.Outputs.Single(output => output.Name == "functionAppName").Value.GetString() != "";
        string[] hostRoles = isFunctionsHost ? [$"Microsoft.Insights/components {MonitoringMetricsPublisher} app"] : [];
        string[] deployerRoles = name == "everything" ? [.. AppRoles[..2].Select(role => role.Replace("app", "11111111-1111-1111-1111-111111111111", StringComparison.Ordinal))] : [];
        JsonElement[] assignments = [.. deployment.Of("Microsoft.Authorization/roleAssignments")];

        Assert.Equal(AppRoles.Concat(hostRoles).Concat(deployerRoles).Order(), assignments.Select(Describe).Order());
        // A name that is not the same at the next deployment would make a second assignment, which Azure refuses.
        Assert.Equal(assignments.Length, assignments.Select(assignment => Guid.Parse(Deployment.Name(assignment))).Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(Deployments.All), MemberType = typeof(Deployments))]
    public async Task Services_Keys_AreOff(string name)
    {
        Deployment deployment = await deployments.PredictAsync(name);

        Assert.False(Deployment.Properties(deployment.Single("Microsoft.ContainerRegistry/registries")).GetProperty("adminUserEnabled").GetBoolean());
        Assert.False(Deployment.Properties(deployment.Single("Microsoft.ContainerRegistry/registries")).GetProperty("anonymousPullEnabled").GetBoolean());
        Assert.True(Deployment.Properties(deployment.Single("Microsoft.Insights/components")).GetProperty("DisableLocalAuth").GetBoolean());
        Assert.True(Deployment.Properties(deployment.Single("Microsoft.OperationalInsights/workspaces")).GetProperty("features").GetProperty("disableLocalAuth").GetBoolean());
    }

    [Theory]
    [MemberData(nameof(Deployments.All), MemberType = typeof(Deployments))]
    public async Task Secrets_Given_ShowNowhere(string name)
    {
        Deployment deployment = await deployments.PredictAsync(name);

        Assert.DoesNotContain(BicepCli.ApiKeys, deployment.Snapshot, StringComparison.Ordinal);
        Assert.DoesNotContain(BicepCli.CallbackSecret, deployment.Snapshot, StringComparison.Ordinal);
        Assert.DoesNotContain(BicepCli.AdminKey, deployment.Snapshot, StringComparison.Ordinal);
        Assert.DoesNotContain("listKeys(", deployment.Snapshot, StringComparison.OrdinalIgnoreCase);
        Assert.All(deployment.Outputs, output => Assert.DoesNotContain("parameters(", output.Value.GetRawText(), StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Deployments.All), MemberType = typeof(Deployments))]
    public async Task Secrets_OfTheApp_AreReferredTo(string name)
    {
        Deployment deployment = await deployments.PredictAsync(name);
        if (!deployment.HasApp) return;
        JsonElement configuration = Deployment.Properties(deployment.App).GetProperty("configuration");
        string[] secrets = [.. configuration.GetProperty("secrets").EnumerateArray().Select(secret => secret.GetProperty("name").GetString()!)];
        JsonElement[] references = [.. deployment.Container.GetProperty("env").EnumerateArray().Where(variable => variable.TryGetProperty("secretRef", out _))];

        Assert.Equal(secrets.Order(), references.Select(reference => reference.GetProperty("secretRef").GetString()!).Order());
        Assert.Equal(name != "anonymous", references.Any(reference => reference.GetProperty("name").GetString() == "Gemma2__ApiKeys"));
        Assert.False(configuration.GetProperty("ingress").GetProperty("allowInsecure").GetBoolean());
    }

    /// <summary>Scope, role and principal of an assignment.</summary>
    private static string Describe(JsonElement assignment)
    {
        string[] id = assignment.GetProperty("id").GetString()!.Split("/providers/");
        string scope = string.Join('/', id[^2].Split('/')[..2]);
        string role = Deployment.Properties(assignment).GetProperty("roleDefinitionId").GetString()!.Split('/')[^1];
        string principal = Deployment.Properties(assignment).GetProperty("principalId").GetString()!;
        return $"{scope} {role} {(principal.Contains("userAssignedIdentities/id-gemma2-", StringComparison.Ordinal) ? "app" : principal)}";
    }
}
