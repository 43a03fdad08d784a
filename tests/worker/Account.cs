using System.Text.Json;
using Azure.Storage.Blobs;
using Azure.Storage.Queues;
using Azure.Storage.Queues.Models;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;
using Gemma2.Storage.Models;

namespace Gemma2.Worker.Tests;

/// <summary>A storage account, and what tests want to do there and to see.</summary>
internal sealed class Account
{
    // The model repeats itself until it is told to stop: 1 to 2 ms a token on an idle machine.
    private const string EndlessRequest = """{"model":"nano","prompt":"the the the the","temperature":0,"max_tokens":4000}""";
    private const string ShortRequest = """{"model":"nano","prompt":"the the the the","temperature":0,"max_tokens":4}""";

    private readonly string _connectionString;
    private readonly StorageConnection _connection;
    private readonly JobStore _jobs;

    private Account(string connectionString, StorageConnection connection) => (_connectionString, _connection, _jobs) = (connectionString, connection, new JobStore(connection));

    /// <summary>Leads to it.</summary>
    public string ConnectionString => _connectionString;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Opens an account and makes its containers and queues.</summary>
    public static async Task<Account> CreateAsync(string connectionString)
    {
        var connection = StorageConnection.FromSettings(key => key == "AzureWebJobsStorage" ? connectionString : null);
        await StorageProvisioning.EnsureCreatedAsync(connection, Cancellation);
        return new Account(connectionString, connection);
    }

    /// <summary>A message that is a job with a short answer, as an operator's own program may send it.</summary>
    public static string JobMessage(string id) => $$"""{"id":"{{id}}","model":"nano","request":{{ShortRequest}}}""";

    /// <summary>Stores the embedded model as <c>nano</c>.</summary>
    public Task PushNanoAsync() => new ModelStore(_connection).PushAsync(Repository.Nano, "nano", null, Cancellation);

    /// <summary>Hands in a job whose answer takes some seconds.</summary>
    public Task SubmitLongAsync(string id) => SubmitAsync(id, EndlessRequest);

    /// <summary>Hands in a job whose answer takes no time.</summary>
    public Task SubmitShortAsync(string id) => SubmitAsync(id, ShortRequest);

    /// <summary>Cancels a job.</summary>
    public Task CancelAsync(string id) => _jobs.CancelAsync(new OwnedId(null, id), Cancellation);

    /// <summary>A job as it is now; null where there is none.</summary>
    public Task<JobSnapshot?> TryReadAsync(string id) => _jobs.TryReadAsync(new OwnedId(null, id), Cancellation);

    /// <summary>Whether a job is worked on.</summary>
    public async Task<bool> IsRunningAsync(string id) => (await TryReadAsync(id))?.Status == JobStatus.Running;

    /// <summary>Whether a job has come to its end.</summary>
    public async Task<bool> HasEndedAsync(string id) => (await TryReadAsync(id))?.HasEnded == true;

    /// <summary>Whether no queue has a message, those in work included.</summary>
    public async Task<bool> IsEmptyAsync()
    {
        foreach (string queue in StorageNames.Queues)
        {
            if ((await Queue(queue).GetPropertiesAsync(Cancellation)).Value.ApproximateMessagesCount > 0) return false;
        }
        return true;
    }

    /// <summary>A queue; texts are sent and received as they are.</summary>
    public QueueClient Queue(string name) => new(_connectionString, name);

    /// <summary>Sends a text to a queue.</summary>
    public Task SendAsync(string queue, string text) => Queue(queue).SendMessageAsync(text, Cancellation);

    /// <summary>The messages of a queue that could be taken now.</summary>
    public async Task<PeekedMessage[]> PeekAsync(string queue) => (await Queue(queue).PeekMessagesAsync(32, Cancellation)).Value;

    /// <summary>Takes a message, as soon as there is one, and leaves it after a second.</summary>
    public async Task TakeAndDropAsync(string queue)
    {
        while ((await Queue(queue).ReceiveMessagesAsync(1, TimeSpan.FromSeconds(1), Cancellation)).Value.Length == 0) await Task.Delay(100, Cancellation);
    }

    /// <summary>What is in the blobs of a container.</summary>
    public async Task<IReadOnlyList<JsonElement>> ReadBlobsAsync(string container)
    {
        var client = new BlobContainerClient(_connectionString, container);
        var blobs = new List<JsonElement>();
        await foreach (var blob in client.GetBlobsAsync(cancellationToken: Cancellation))
            blobs.Add(JsonElement.Parse((await client.GetBlobClient(blob.Name).DownloadContentAsync(Cancellation)).Value.Content.ToMemory().Span));
        return blobs;
    }

    private async Task SubmitAsync(string id, string request) =>
        Assert.True(await _jobs.SubmitAsync(new CompletionJob(new OwnedId(null, id), "nano", JsonElement.Parse(request)), Cancellation));
}
