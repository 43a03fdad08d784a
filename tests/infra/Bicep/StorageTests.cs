using System.Text.Json;
using Gemma2.Storage;

namespace Gemma2.Infra.Tests.Bicep;

/// <summary>The storage account: closed to keys and to the public, with every container and queue that the app names.</summary>
public sealed class StorageTests(Deployments deployments)
{
    [Theory]
    [MemberData(nameof(Deployments.All), MemberType = typeof(Deployments))]
    public async Task Account_Access_IsByEntraIdAndTlsAlone(string name)
    {
        JsonElement account = Deployment.Properties((await deployments.PredictAsync(name)).Single("Microsoft.Storage/storageAccounts"));

        Assert.False(account.GetProperty("allowSharedKeyAccess").GetBoolean());
        Assert.False(account.GetProperty("allowBlobPublicAccess").GetBoolean());
        Assert.False(account.GetProperty("isLocalUserEnabled").GetBoolean());
        Assert.True(account.GetProperty("supportsHttpsTrafficOnly").GetBoolean());
        Assert.Equal("TLS1_2", account.GetProperty("minimumTlsVersion").GetString());
    }

    [Theory]
    [MemberData(nameof(Deployments.All), MemberType = typeof(Deployments))]
    public async Task ContainersAndQueues_Made_AreThoseThatTheAppNames(string name)
    {
        Deployment deployment = await deployments.PredictAsync(name);

        Assert.Equal(StorageNames.Containers.Order(), deployment.Of("Microsoft.Storage/storageAccounts/blobServices/containers").Select(Deployment.Name).Order());
        Assert.Equal(StorageNames.Queues.Order(), deployment.Of("Microsoft.Storage/storageAccounts/queueServices/queues").Select(Deployment.Name).Order());
        Assert.All(
            deployment.Of("Microsoft.Storage/storageAccounts/blobServices/containers"),
            container => Assert.Equal("None", Deployment.Properties(container).GetProperty("publicAccess").GetString()));
    }

    [Theory]
    [MemberData(nameof(Deployments.All), MemberType = typeof(Deployments))]
    public async Task Blobs_Deleted_CanBeRestored(string name)
    {
        JsonElement blobs = Deployment.Properties((await deployments.PredictAsync(name)).Single("Microsoft.Storage/storageAccounts/blobServices"));

        Assert.True(blobs.GetProperty("deleteRetentionPolicy").GetProperty("enabled").GetBoolean());
        Assert.True(blobs.GetProperty("containerDeleteRetentionPolicy").GetProperty("enabled").GetBoolean());
    }

    [Fact]
    public async Task Lifecycle_Rules_DeleteRequestsAndResultsOnly()
    {
        JsonElement policy = Deployment.Properties((await deployments.PredictAsync("main")).Single("Microsoft.Storage/storageAccounts/managementPolicies"));
        JsonElement rule = policy.GetProperty("policy").GetProperty("rules").EnumerateArray().Single().GetProperty("definition");

        // Not models; and of files and batches only the app knows which are still in use.
        Assert.Equal(
            new[] { StorageNames.Requests, StorageNames.Jobs, StorageNames.Completions, StorageNames.Responses, StorageNames.DeadLetters }.Select(container => $"{container}/").Order(),
            rule.GetProperty("filters").GetProperty("prefixMatch").EnumerateArray().Select(prefix => prefix.GetString()!).Order());
        Assert.Equal(30, rule.GetProperty("actions").GetProperty("baseBlob").GetProperty("delete").GetProperty("daysAfterModificationGreaterThan").GetInt32());
    }

    [Fact]
    public async Task Account_Private_IsReachedThroughEndpointsOnly()
    {
        Deployment deployment = await deployments.PredictAsync("everything");
        JsonElement account = Deployment.Properties(deployment.Single("Microsoft.Storage/storageAccounts"));

        Assert.Equal("Deny", account.GetProperty("networkAcls").GetProperty("defaultAction").GetString());
        Assert.Equal(
            ["203.0.113.7"],
            account.GetProperty("networkAcls").GetProperty("ipRules").EnumerateArray().Select(rule => rule.GetProperty("value").GetString()!));
        Assert.Equal(
            ["blob", "queue"],
            deployment.Of("Microsoft.Network/privateEndpoints").Where(endpoint => Deployment.Name(endpoint).StartsWith("stgemma2", StringComparison.Ordinal))
                .Select(Deployment.PrivateGroup).Order());
    }
}
