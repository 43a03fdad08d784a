using System.Text;
using System.Text.Json;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;

namespace Gemma2.Functions.Tests.Batches;

/// <summary>Batches in a new account of a real Azurite, and what a test wants to see of them.</summary>
internal sealed class BatchAccount
{
    public const string Endpoint = "/v1/chat/completions";

    private BatchAccount(string connectionString)
    {
        ConnectionString = connectionString;
        Connection = StorageConnection.FromSettings(key => key == "AzureWebJobsStorage" ? connectionString : null);
        Store = new BatchStore(Connection);
        Files = new FileStore(Connection);
    }

    /// <summary>The setting that gives the account to the app.</summary>
    public string Setting => $"AzureWebJobsStorage={ConnectionString}";

    public string ConnectionString { get; }

    public StorageConnection Connection { get; }

    public BatchStore Store { get; }

    public FileStore Files { get; }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<BatchAccount> CreateAsync(string connectionString)
    {
        var account = new BatchAccount(connectionString);
        await StorageProvisioning.EnsureCreatedAsync(account.Connection, Cancel);
        return account;
    }

    /// <summary>A good line of a batch's input.</summary>
    public static string Line(string customId, string content = "Hi", string more = "") =>
        $$$"""{"custom_id":"{{{customId}}}","method":"POST","url":"{{{Endpoint}}}","body":{"model":"{{{ScriptedEngine.Name}}}","messages":[{"role":"user","content":"{{{content}}}"}]{{{more}}}}}""";

    public Task<BatchRecord> StartAsync(string? owner, params IEnumerable<string> lines) => OrderAsync(new NewBatch(owner, Endpoint, ""), lines);

    /// <summary>Stores lines as a file, and makes a batch of it.</summary>
    public async Task<BatchRecord> OrderAsync(NewBatch batch, params IEnumerable<string> lines)
    {
        string? owner = batch.Owner;
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n"));
        StoredFile file = await Files.UploadAsync(new OwnedId(owner, FileStore.NewId()), "input.jsonl", FileStore.BatchPurpose, stream, null, Cancel);
        return await Store.CreateAsync(batch with { InputFileId = file.Key.Id }, Cancel);
    }

    public async Task<BatchRecord> WaitAsync(BatchRecord batch, Func<BatchRecord, bool> until)
    {
        while (true)
        {
            BatchRecord now = (await Store.TryReadAsync(batch.Key, Cancel))!;
            if (until(now))
                return now;
            await Task.Delay(50, Cancel);
        }
    }

    /// <summary>Waits until the batch has ended and nothing but its record is left of it.</summary>
    public async Task<BatchRecord> WaitForEndAsync(BatchRecord batch)
    {
        BatchRecord ended = await WaitAsync(batch, now => now.HasEnded);
        while ((await NamesAsync(StorageNames.Batches)).Count > 1)
            await Task.Delay(50, Cancel);
        return ended;
    }

    public async Task<IReadOnlyList<string>> NamesAsync(string container)
    {
        var names = new List<string>();
        await foreach (BlobItem blob in new BlobContainerClient(ConnectionString, container).GetBlobsAsync(cancellationToken: Cancel))
            names.Add(blob.Name);
        return names;
    }

    /// <summary>A file that a batch made; empty where it made none.</summary>
    public async Task<string> ReadTextAsync(BatchRecord batch, string? file)
    {
        if (file is null)
            return "";
        await using Stream stream = (await Files.TryOpenReadAsync(batch.Key with { Id = file }, 0, null, Cancel))!;
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(Cancel);
    }

    /// <summary>The lines of a file that a batch made; none where it made none.</summary>
    public async Task<IReadOnlyList<JsonElement>> ReadAsync(BatchRecord batch, string? file) =>
        [.. (await ReadTextAsync(batch, file)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line))];

    /// <summary>All that is in the containers of batches and files.</summary>
    public async Task<IReadOnlyList<(string Container, string Name, BinaryData Content, IDictionary<string, string> Metadata)>> SnapshotAsync()
    {
        var blobs = new List<(string, string, BinaryData, IDictionary<string, string>)>();
        foreach (string container in new[] { StorageNames.Batches, StorageNames.Files })
        {
            foreach (string name in await NamesAsync(container))
            {
                BlobDownloadResult blob = await new BlobClient(ConnectionString, container, name).DownloadContentAsync(Cancel);
                blobs.Add((container, name, blob.Content, blob.Details.Metadata));
            }
        }
        return blobs;
    }

    /// <summary>Puts what another account held into this one, and queues its batch's split.</summary>
    public async Task RestoreAsync(IEnumerable<(string Container, string Name, BinaryData Content, IDictionary<string, string> Metadata)> blobs, OwnedId batch)
    {
        foreach (var (container, name, content, metadata) in blobs)
            await new BlobClient(ConnectionString, container, name).UploadAsync(content, new BlobUploadOptions { Metadata = metadata }, Cancel);
        await new BatchWork(Connection, TimeSpan.Zero).Messages.SendAsync(new BatchMessage(batch).ToJson(), TimeSpan.Zero, Cancel);
    }
}
