using System.Text.Json;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Queues;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Functions.Tests;

/// <summary>A new, empty account of a real Azurite, and what a test wants to see of it.</summary>
internal sealed class StorageAccount
{
    private readonly string _connectionString;
    private readonly StorageConnection _connection;

    private StorageAccount(string connectionString)
    {
        _connectionString = connectionString;
        _connection = StorageConnection.FromSettings(key => key == "AzureWebJobsStorage" ? connectionString : null);
        Jobs = new JobStore(_connection);
        Work = new JobWork(_connection);
    }

    public string ConnectionString => _connectionString;

    /// <summary>The setting that gives the account to the app.</summary>
    public string Setting => $"AzureWebJobsStorage={_connectionString}";

    /// <summary>What clients do with jobs.</summary>
    public JobStore Jobs { get; }

    /// <summary>What workers do with jobs.</summary>
    public JobWork Work { get; }

    /// <summary>The queue of jobs.</summary>
    public JobQueue Messages => Work.Messages;

    public static async Task<StorageAccount> CreateAsync(string connectionString)
    {
        var account = new StorageAccount(connectionString);
        await StorageProvisioning.EnsureCreatedAsync(account._connection, TestContext.Current.CancellationToken);
        return account;
    }

    public Task SubmitAsync(string id, string request, string? model = ScriptedEngine.Name) =>
        Jobs.SubmitAsync(new CompletionJob(new OwnedId(null, id), model, JsonElement.Parse(request)), TestContext.Current.CancellationToken);

    /// <summary>The result of a job, or null.</summary>
    public async Task<JsonElement?> TryReadResultAsync(string id) =>
        await Work.Results.TryReadAsync(new OwnedId(null, id), TestContext.Current.CancellationToken) is { } json ? JsonElement.Parse(json.Span) : null;

    /// <summary>Waits for the result of a job.</summary>
    public async Task<JsonElement> WaitForResultAsync(string id)
    {
        while (true)
        {
            if (await TryReadResultAsync(id) is { } result)
                return result;
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Waits until the queue has no message, visible or not.</summary>
    public async Task WaitForEmptyQueueAsync(string queue = StorageNames.CompletionRequests)
    {
        while (await CountAsync(queue) > 0)
            await Task.Delay(20, TestContext.Current.CancellationToken);
    }

    /// <summary>Waits until a container has blobs, and gives what they hold.</summary>
    public async Task<IReadOnlyList<JsonElement>> WaitForBlobsAsync(string container)
    {
        var client = new BlobContainerClient(_connectionString, container);
        while (true)
        {
            var blobs = new List<JsonElement>();
            await foreach (BlobItem blob in client.GetBlobsAsync(cancellationToken: TestContext.Current.CancellationToken))
                blobs.Add(JsonElement.Parse((await client.GetBlobClient(blob.Name).DownloadContentAsync(TestContext.Current.CancellationToken)).Value.Content.ToMemory().Span));
            if (blobs.Count > 0)
                return blobs;
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>How many messages a queue has, those in work included.</summary>
    public async Task<int> CountAsync(string queue) =>
        (await new QueueClient(_connectionString, queue).GetPropertiesAsync(TestContext.Current.CancellationToken)).Value.ApproximateMessagesCount;

    /// <summary>The names of a container's blobs, those whose content is not there yet included.</summary>
    public async Task<List<string>> BlobsAsync(string container) => await new BlobContainerClient(_connectionString, container)
        .GetBlobsAsync(BlobTraits.None, BlobStates.Uncommitted, null, TestContext.Current.CancellationToken)
        .Select(blob => blob.Name).ToListAsync(TestContext.Current.CancellationToken);

    public async Task<int> CountResultsAsync()
    {
        int count = 0;
        await foreach (var _ in new BlobContainerClient(_connectionString, StorageNames.Completions).GetBlobsAsync(cancellationToken: TestContext.Current.CancellationToken))
            count++;
        return count;
    }
}
