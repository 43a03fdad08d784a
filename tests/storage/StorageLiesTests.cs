using System.Text;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Queues;
using Gemma2.Storage.Files;
using Gemma2.Storage.Jobs;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests;

/// <summary>What others than storage answer in its place is a failure of the call, tried again; it is never taken for a fact.</summary>
public sealed class StorageLiesTests(AzuriteFixture azurite) : IAsyncLifetime
{
    private const string Content = """{"text":"the content of a blob that is long enough to be cut"}""";

    private const string Queue = StorageNames.CompletionRequests;

    private static readonly OwnedId File = new("team-a", "file-1");
    private static readonly OwnedId Other = new("team-a", "file-2");

    private StorageProxy _proxy = null!;
    private StorageConnection _honest = null!;
    private StorageConnection _connection = null!;
    private string _connectionString = null!;

    public static TheoryData<string> General => [.. Lies.All.Keys];

    public static TheoryData<string> OfVersions => [.. Lies.OfVersions.Keys];

    public static TheoryData<string> OfBodies => [.. Lies.OfBodies.Keys];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _connectionString = azurite.NewConnectionString();
        _proxy = StorageProxy.Start(_connectionString);
        _honest = TestStorage.Connect(_connectionString, new StorageTuning());
        _connection = TestStorage.Connect(_proxy.ConnectionString, new StorageTuning { Retry = TestStorage.Quick, Breaker = TestStorage.Never });
        await StorageProvisioning.EnsureCreatedAsync(_honest, Cancel);
        foreach (string container in new[] { StorageNames.Jobs, StorageNames.Completions })
            await new BlobClient(_connectionString, container, "there.json").UploadAsync(BinaryData.FromString(Content), Cancel);
        await UploadAsync(File);
    }

    public ValueTask DisposeAsync() => _proxy?.DisposeAsync() ?? ValueTask.CompletedTask;

    [Theory]
    [MemberData(nameof(General))]
    public async Task Calls_AnswerIsNotStorages_FailsOrIsTriedAgain(string lie)
    {
        foreach ((string name, Func<StorageConnection, Task<string>> call) in VersionedCalls.Concat(OtherCalls)) await CheckAsync(Lies.All[lie], name, call);
    }

    [Theory]
    [MemberData(nameof(OfVersions))]
    public async Task Calls_VersionIsNone_FailsOrIsTriedAgain(string lie)
    {
        foreach ((string name, Func<StorageConnection, Task<string>> call) in VersionedCalls) await CheckAsync(Lies.OfVersions[lie], name, call);
    }

    [Theory]
    [MemberData(nameof(OfBodies))]
    public async Task Calls_BodyIsNotStorages_FailsOrIsTriedAgain(string lie)
    {
        foreach ((string name, Func<StorageConnection, Task<string>> call) in CallsWithBodies) await CheckAsync(Lies.OfBodies[lie], name, call);
    }

    [Fact]
    public async Task Read_RangeIsAnother_FailsOrIsTriedAgain()
    {
        Lie another = async (_, pass) => await pass() is { Status: 206 } reply ? reply.With("Content-Range", "bytes 5-9/62") : null;
        await CheckAsync(another, "a range", ReadFileAsync);
        Lie whole = async (_, pass) => await pass() is { Status: 206 } reply ? (reply with { Status = 200 }).With("Content-Range", null) : null;
        await CheckAsync(whole, "a range", ReadFileAsync);
    }

    [Fact]
    public async Task Renew_NoReceipt_IsTriedAgainAndLost()
    {
        await new QueueClient(_connectionString, Queue).SendMessageAsync("x", Cancel);
        QueueLease lease = (await new JobQueue(_connection, Queue).ReceiveAsync(1, TimeSpan.FromMinutes(1), Cancel)).Single();
        _proxy.Play(async (_, pass) => (await pass()).With("x-ms-popreceipt", null), call => call.Names("/messages/"), times: 1);

        // As where the reply is lost: the message has a receipt that nobody knows.
        Assert.False(await lease.RenewAsync(TimeSpan.FromMinutes(1), Cancel));
        Assert.Equal(2, _proxy.Played);
    }

    [Theory]
    [InlineData(404, "BlobNotFound", true)]
    [InlineData(404, "ContainerNotFound", true)]
    [InlineData(404, "QueueNotFound", true)]
    [InlineData(404, "MessageNotFound", true)]
    [InlineData(404, "ResourceNotFound", false)]
    [InlineData(404, null, false)]
    [InlineData(0, null, false)]
    public void IsMissing_IsWhatStoragesOwnCodesSay(int status, string? code, bool expected) => Assert.Equal(expected, new StorageException("x", status, code).IsMissing);

    private static IEnumerable<(string Name, Func<StorageConnection, Task<string>> Call)> VersionedCalls =>
    [
        ("read a blob", async storage => Encoding.UTF8.GetString((await VersionedBlobs.TryReadAsync(storage, StorageNames.Jobs, "there.json", Cancel))!.Json.Span)),
        ("look for a blob", async storage => $"{await new ResultStore(storage).ExistsAsync(new OwnedId(null, "there"), Cancel)}"),
        ("look for a file", async storage => (await new FileStore(storage).TryGetAsync(File, Cancel))!.Name),
        ("write once", async storage =>
        {
            await SmallBlobs.WriteOnceAsync(storage, StorageNames.Jobs, "new.json", "new"u8.ToArray(), Cancel);
            return "done";
        }),
        ("replace", async storage =>
        {
            VersionedBlob before = (await VersionedBlobs.TryReadAsync(storage, StorageNames.Jobs, "change.json", Cancel))!;
            await VersionedBlobs.TryReplaceAsync(storage, StorageNames.Jobs, "change.json", "{\"n\":2}"u8.ToArray(), before.Version, Cancel);
            return Encoding.UTF8.GetString((await VersionedBlobs.TryReadAsync(storage, StorageNames.Jobs, "change.json", Cancel))!.Json.Span);
        }),
    ];

    private static IEnumerable<(string Name, Func<StorageConnection, Task<string>> Call)> CallsWithBodies =>
    [
        ("read a blob", async storage => Encoding.UTF8.GetString((await SmallBlobs.TryReadAsync(storage, StorageNames.Jobs, "there.json", 1000, Cancel))!.Value.Span)),
        ("list", async storage => $"{(await new FileStore(storage).ListAsync("team-a", Cancel).ToListAsync(Cancel)).Count}"),
        ("queue: peek", async storage => $"{await new JobQueue(storage, Queue).HasVisibleAsync(Cancel)}"),
    ];

    private static IEnumerable<(string Name, Func<StorageConnection, Task<string>> Call)> OtherCalls =>
    [
        .. CallsWithBodies,
        ("a range", ReadFileAsync),
        ("look for what is not there", async storage => $"{await new ResultStore(storage).ExistsAsync(new OwnedId(null, "no"), Cancel)}"),
        ("read what is not there", async storage => $"{await SmallBlobs.TryReadAsync(storage, StorageNames.Jobs, "no.json", 1000, Cancel) is null}"),
        ("delete", async storage =>
        {
            await new FileStore(storage).DeleteAsync(Other, Cancel);
            return "done";
        }),
        ("queue: send", async storage =>
        {
            await new JobQueue(storage, Queue).SendAsync("x"u8.ToArray(), TimeSpan.Zero, Cancel);
            return "done";
        }),
        ("queue: receive", async storage => $"{(await new JobQueue(storage, Queue).ReceiveAsync(1, TimeSpan.FromMinutes(1), Cancel)).Count}"),
        ("queue: renew", RenewAsync),
        ("queue: end", async storage =>
        {
            QueueLease lease = (await new JobQueue(storage, Queue).ReceiveAsync(1, TimeSpan.FromMinutes(1), Cancel)).Single();
            // False where a try whose answer was not believed has done it.
            await lease.CompleteAsync(Cancel);
            return "done";
        }),
    ];

    private static async Task<string> ReadFileAsync(StorageConnection storage)
    {
        await using Stream stream = (await new FileStore(storage).TryOpenReadAsync(File, 0, null, Cancel))!;
        return await new StreamReader(stream).ReadToEndAsync(Cancel);
    }

    private static async Task<string> RenewAsync(StorageConnection storage)
    {
        QueueLease lease = (await new JobQueue(storage, Queue).ReceiveAsync(1, TimeSpan.FromMinutes(1), Cancel)).Single();
        await lease.RenewAsync(TimeSpan.FromMinutes(1), Cancel);
        return "done";
    }

    /// <summary>With lies to the first two of its requests a call gives what it gives without; with lies alone it fails, and does not say that anything is missing.</summary>
    private async Task CheckAsync(Lie lie, string name, Func<StorageConnection, Task<string>> call)
    {
        await SetUpAsync(name);
        string expected = await call(_honest);

        await SetUpAsync(name);
        _proxy.Play(lie, _ => true, times: 2);
        Assert.Equal((name, expected), (name, await call(_connection)));
        Assert.True(_proxy.Played >= 2, name);

        await SetUpAsync(name);
        _proxy.Play(lie, _ => true);
        string? given = null;
        Exception? error = await Record.ExceptionAsync(async () => given = await call(_connection));
        _proxy.Stop();
        // That a blob is there is true, though the answer to the write that made it was not believed.
        if (error is null && name == "write once") return;
        StorageException failure = Assert.IsType<StorageException>(error ?? new InvalidOperationException($"{name} gave {given}"));
        Assert.False(failure.IsMissing, $"{name}: {failure.Message}");
        Assert.Contains(" failed: ", failure.Message, StringComparison.Ordinal);
    }

    private async Task SetUpAsync(string name)
    {
        await new BlobClient(_connectionString, StorageNames.Jobs, "new.json").DeleteIfExistsAsync(cancellationToken: Cancel);
        await new BlobClient(_connectionString, StorageNames.Jobs, "change.json").UploadAsync(BinaryData.FromString("{\"n\":1}"), overwrite: true, Cancel);
        if (await new FileStore(_honest).TryGetAsync(Other, Cancel) is null) await UploadAsync(Other);
        if (!name.StartsWith("queue", StringComparison.Ordinal)) return;
        var queue = new QueueClient(_connectionString, Queue);
        await queue.ClearMessagesAsync(Cancel);
        // Enough: a receive whose answer was not believed has taken one.
        for (int i = 0; i < 4; i++) await queue.SendMessageAsync("x", Cancel);
    }

    private Task<StoredFile> UploadAsync(OwnedId file) =>
        new FileStore(_honest).UploadAsync(file, "name", FileStore.BatchPurpose, new MemoryStream(Encoding.UTF8.GetBytes(Content)), null, Cancel);
}
