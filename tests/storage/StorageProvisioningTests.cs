using Azure.Storage.Queues;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests;

public class StorageProvisioningTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task EnsureCreated_Twice_MakesWhatIsMissing()
    {
        var storage = new TestStorage(azurite);

        await StorageProvisioning.EnsureCreatedAsync(storage.Connection, Cancel);
        await StorageProvisioning.EnsureCreatedAsync(storage.Connection, Cancel);

        var queues = new QueueServiceClient(storage.ConnectionString);
        Assert.Equal(
            ["batches", "completions", "dead-letters", "files", "jobs", "models", "requests", "responses"],
            await storage.Blobs.GetBlobContainersAsync(cancellationToken: Cancel).Select(c => c.Name).ToListAsync(Cancel));
        Assert.Equal(
            ["batch-requests", "batch-requests-poison", "completion-requests", "completion-requests-poison"],
            await queues.GetQueuesAsync(cancellationToken: Cancel).Select(q => q.Name).ToListAsync(Cancel));
    }

    [Fact]
    public async Task EnsureCreated_NotAllowedButThere_IsFine()
    {
        var storage = new TestStorage(azurite);
        await StorageProvisioning.EnsureCreatedAsync(storage.Connection, Cancel);
        storage.Faults.Play(FaultTransport.Answer(403, "AuthorizationPermissionMismatch"), request => request.Method.Method == "PUT");

        await StorageProvisioning.EnsureCreatedAsync(storage.Connection, Cancel);

        Assert.Equal(StorageNames.Containers.Count + StorageNames.Queues.Count, storage.Faults.Matched);
    }

    [Fact]
    public async Task EnsureCreated_NotAllowedAndMissing_NamesIt()
    {
        var storage = new TestStorage(azurite);
        storage.Faults.Play(FaultTransport.Answer(403, "AuthorizationPermissionMismatch"), request => request.Method.Method == "PUT");

        var error = await Assert.ThrowsAsync<StorageException>(() => StorageProvisioning.EnsureCreatedAsync(storage.Connection, Cancel));

        Assert.Equal($"The container 'models' does not exist at {storage.Connection}, and this identity may not create it.", error.Message);
    }

    [Fact]
    public async Task EnsureCreated_NobodyListens_SaysSo()
    {
        var connection = TestStorage.Connect(
            "DefaultEndpointsProtocol=http;AccountName=none;AccountKey=AAAA;BlobEndpoint=http://127.0.0.1:1/none;QueueEndpoint=http://127.0.0.1:1/none",
            new StorageTuning { Retry = TestStorage.Quick });

        var error = await Assert.ThrowsAsync<StorageException>(() => StorageProvisioning.EnsureCreatedAsync(connection, Cancel));

        Assert.Equal("Creating container 'models' failed: Connection refused", error.Message);
    }

    [Fact]
    public async Task EnsureCreated_WrongKey_IsRefusedWithoutRetries()
    {
        string connectionString = azurite.NewConnectionString();
        string wrong = string.Join(';', connectionString.Split(';').Select(part => part.StartsWith("AccountKey=", StringComparison.Ordinal) ? "AccountKey=AAAA" : part));
        var faults = new FaultTransport();
        faults.Count(_ => true);
        var connection = TestStorage.Connect(wrong, new StorageTuning { Retry = TestStorage.Quick, Transport = faults });

        var error = await Assert.ThrowsAsync<StorageException>(() => StorageProvisioning.EnsureCreatedAsync(connection, Cancel));

        Assert.Equal(403, error.Status);
        Assert.Equal(2, faults.Matched);
    }
}
