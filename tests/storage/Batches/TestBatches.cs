using System.Text;
using Azure.Storage.Blobs.Models;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests.Batches;

/// <summary>Batches in a new account, and what a test wants to see of them.</summary>
internal sealed class TestBatches(TestStorage storage)
{
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);

    public TestStorage Storage { get; } = storage;

    public BatchStore Store { get; } = new(storage.Connection);

    public BatchWork Work { get; } = new(storage.Connection, Lease);

    public FileStore Files { get; } = new(storage.Connection);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<TestBatches> CreateAsync(AzuriteFixture azurite)
    {
        var storage = new TestStorage(azurite);
        await StorageProvisioning.EnsureCreatedAsync(storage.Connection, Cancel);
        return new TestBatches(storage);
    }

    public async Task<string> UploadAsync(string? owner = null, string content = "{}\n", TimeSpan? lifetime = null)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(content));
        return (await Files.UploadAsync(new OwnedId(owner, FileStore.NewId()), "input.jsonl", FileStore.BatchPurpose, stream, null, Cancel, () => lifetime)).Key.Id;
    }

    public async Task<BatchRecord> NewAsync(string? owner = null) =>
        await Store.CreateAsync(new NewBatch(owner, BatchEndpoint.All[0], await UploadAsync(owner)), Cancel);

    /// <summary>A batch that is in progress, with so many chunks of one line.</summary>
    public async Task<BatchRecord> BegunAsync(int chunks, string? owner = null)
    {
        BatchRecord batch = await NewAsync(owner);
        var plan = new BatchPlan(chunks, [.. Enumerable.Range(0, chunks).Select(i => new BatchChunk(i, i * 10, 10, i + 1, 1, []))], []);
        plan = await Work.WritePlanOnceAsync(batch.Key, plan, Cancel);
        return (await Work.BeginAsync(batch.Key, plan, Cancel))!;
    }

    public static ChunkLine Line(int line, bool ok = true) => new(line, ok, 3, 5, Encoding.UTF8.GetBytes($$"""{"n":{{line}},"text":"ä \u00e4"}"""));

    /// <summary>The names of a container's blobs.</summary>
    public async Task<IReadOnlyList<string>> NamesAsync(string container = StorageNames.Batches)
    {
        var names = new List<string>();
        await foreach (BlobItem blob in Storage.Blobs.GetBlobContainerClient(container).GetBlobsAsync(cancellationToken: Cancel)) names.Add(blob.Name);
        return names;
    }

    public async Task<string?> ReadFileAsync(string? owner, string? id)
    {
        if (id is null || await Files.TryOpenReadAsync(new OwnedId(owner, id), 0, null, Cancel) is not { } stream) return null;
        await using (stream)
        {
            return await new StreamReader(stream).ReadToEndAsync(Cancel);
        }
    }
}
