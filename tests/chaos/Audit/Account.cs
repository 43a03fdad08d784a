using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Queues;
using Azure.Storage.Queues.Models;
using Gemma2.Chaos.Tests.Work;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;
using Gemma2.Storage.Jobs;

namespace Gemma2.Chaos.Tests.Audit;

/// <summary>A storage account as it really is: seen past all faults.</summary>
internal sealed class Account(string connectionString, IReadOnlyList<string?> owners)
{
    private const int BatchesAPage = 100;
    private const string Marker = "_active/";

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    private readonly BlobServiceClient _blobs = new(connectionString);
    private readonly QueueServiceClient _queues = new(connectionString);

    /// <summary>Leads to it.</summary>
    public string ConnectionString => connectionString;

    /// <summary>The library's own view.</summary>
    public StorageConnection Connection { get; } = StorageConnection.FromSettings(key => key == "AzureWebJobsStorage" ? connectionString : null);

    /// <summary>Its files.</summary>
    public FileStore Files => new(Connection);

    /// <summary>Its jobs.</summary>
    public JobStore Jobs => new(Connection);

    /// <summary>Whose things are in it.</summary>
    public IReadOnlyList<string?> Owners => owners;

    /// <summary>All batches of all owners.</summary>
    public async Task<IReadOnlyList<BatchRecord>> ListBatchesAsync(CancellationToken cancellationToken)
    {
        var store = new BatchStore(Connection);
        var all = new List<BatchRecord>();
        foreach (string? owner in owners)
        {
            string? after = null;
            bool more;
            do
            {
                (IReadOnlyList<BatchRecord> page, more) = await store.ListAsync(owner, after, BatchesAPage, cancellationToken);
                all.AddRange(page);
                after = page.Count > 0 ? page[^1].Key.Id : null;
            }
            while (more);
        }
        return all;
    }

    /// <summary>The names of a container's blobs.</summary>
    public async Task<IReadOnlyList<string>> ListBlobsAsync(string container, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        await foreach (BlobItem blob in _blobs.GetBlobContainerClient(container).GetBlobsAsync(cancellationToken: cancellationToken)) names.Add(blob.Name);
        return names;
    }

    /// <summary>
    /// The markers of batches that have not ended. One whose batch was never made, because its maker ended in between, is not among them: it goes after
    /// ten minutes.
    /// </summary>
    public async Task<IReadOnlyList<string>> ListMarkersAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<string> blobs = await ListBlobsAsync(StorageNames.Batches, cancellationToken);
        HashSet<string> records = [.. blobs.Where(name => name.EndsWith("/batch.json", StringComparison.Ordinal))];
        return [.. blobs.Where(name => name.StartsWith(Marker, StringComparison.Ordinal) && records.Contains($"{name[Marker.Length..]}/batch.json"))];
    }

    /// <summary>The names of all containers.</summary>
    public async Task<IReadOnlyList<string>> ListContainersAsync(CancellationToken cancellationToken)
    {
        var names = new List<string>();
        await foreach (BlobContainerItem container in _blobs.GetBlobContainersAsync(cancellationToken: cancellationToken)) names.Add(container.Name);
        return names;
    }

    /// <summary>Reads a blob as text.</summary>
    public async Task<string> ReadTextAsync(string container, string blob, CancellationToken cancellationToken) =>
        (await _blobs.GetBlobContainerClient(container).GetBlobClient(blob).DownloadContentAsync(cancellationToken)).Value.Content.ToString();

    /// <summary>A queue.</summary>
    public QueueClient Queue(string name) => _queues.GetQueueClient(name);

    /// <summary>How many messages each queue has, those in work included; queues without any are left out.</summary>
    public async Task<IReadOnlyDictionary<string, int>> CountMessagesAsync(CancellationToken cancellationToken)
    {
        var counts = new Dictionary<string, int>();
        await foreach (QueueItem queue in _queues.GetQueuesAsync(cancellationToken: cancellationToken))
        {
            int count = (await Queue(queue.Name).GetPropertiesAsync(cancellationToken)).Value.ApproximateMessagesCount;
            if (count > 0) counts[queue.Name] = count;
        }
        return counts;
    }

    /// <summary>Waits until all work has ended and nothing is under way.</summary>
    /// <exception cref="TimeoutException">Says what still was.</exception>
    public async Task WaitUntilSettledAsync(Ledger ledger, TimeSpan patience, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(patience);
        string unsettled = "nothing was looked at";
        try
        {
            while (await FindUnsettledAsync(ledger, limit.Token) is { } found)
            {
                unsettled = found;
                await Task.Delay(Look, limit.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"After {patience.TotalSeconds} s without faults there still is: {unsettled}");
        }
    }

    private async Task<string?> FindUnsettledAsync(Ledger ledger, CancellationToken cancellationToken)
    {
        BatchRecord[] running = [.. (await ListBatchesAsync(cancellationToken)).Where(batch => !batch.HasEnded)];
        if (running.Length > 0) return string.Join("; ", running.Select(batch => $"batch {batch.Key} {batch.Status} {batch.Counts}"));
        IReadOnlyList<string> results = await ListBlobsAsync(StorageNames.Completions, cancellationToken);
        OwnedId[] jobs = [.. ledger.Jobs.Keys.Where(key => !results.Contains($"{key}.json"))];
        if (jobs.Length > 0) return $"jobs without results: {string.Join(", ", jobs)}";
        IReadOnlyDictionary<string, int> messages = await CountMessagesAsync(cancellationToken);
        if (messages.Count > 0) return string.Join("; ", messages.Select(queue => $"queue {queue.Key}: {queue.Value} messages"));
        IReadOnlyList<string> markers = await ListMarkersAsync(cancellationToken);
        if (markers.Count > 0) return $"markers of batches: {string.Join(", ", markers)}";
        string[] ofJobs = [.. (await ListBlobsAsync(StorageNames.Jobs, cancellationToken)).Where(blob => blob.StartsWith(Marker, StringComparison.Ordinal))];
        return ofJobs.Length > 0 ? $"markers of jobs: {string.Join(", ", ofJobs)}" : null;
    }
}
