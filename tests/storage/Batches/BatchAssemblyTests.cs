using System.Text;
using Azure.Core;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Specialized;
using Azure.Storage.Sas;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests.Batches;

/// <summary>A batch's files are put together once, whoever does it and however often.</summary>
public class BatchAssemblyTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null)]
    [InlineData("team-a")]
    public async Task Finish_AllChunksDone_MakesBothFilesAndLeavesOnlyTheRecord(string? owner)
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.BegunAsync(3, owner);
        await WriteAsync(batches, batch, 2, TestBatches.Line(5), TestBatches.Line(6, ok: false));
        await WriteAsync(batches, batch, 0, TestBatches.Line(1));
        Assert.False(await batches.Work.TryFinishAsync(batch.Key, Cancel));
        await WriteAsync(batches, batch, 1, TestBatches.Line(3, ok: false));

        Assert.True(await batches.Work.TryFinishAsync(batch.Key, Cancel));

        BatchRecord ended = (await batches.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal((BatchStatus.Completed, new BatchCounts(3, 2, 2), new BatchUsage(12, 20)), (ended.Status, ended.Counts, ended.Usage));
        Assert.NotNull(ended.FinalizingAt);
        Assert.Equal(Text(1, 5), await batches.ReadFileAsync(owner, ended.OutputFileId));
        Assert.Equal(Text(3, 6), await batches.ReadFileAsync(owner, ended.ErrorFileId));
        StoredFile file = (await batches.Files.TryGetAsync(new OwnedId(owner, ended.OutputFileId!), Cancel))!;
        Assert.Equal(($"{batch.Key.Id}_output.jsonl", "batch_output"), (file.Name, file.Purpose));
        Assert.Equal([$"{batch.Key}/batch.json"], await batches.NamesAsync());
        Assert.True(await batches.Work.TryFinishAsync(batch.Key, Cancel));
    }

    [Fact]
    public async Task Finish_NoErrors_MakesNoErrorFile()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.BegunAsync(1);
        await WriteAsync(batches, batch, 0, TestBatches.Line(1));

        await batches.Work.TryFinishAsync(batch.Key, Cancel);

        BatchRecord ended = (await batches.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.NotNull(ended.OutputFileId);
        Assert.Null(ended.ErrorFileId);
    }

    [Fact]
    public async Task Finish_LinesHadNoTime_IsExpired()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.BegunAsync(1);
        await WriteAsync(batches, batch, 0, TestBatches.Line(1), TestBatches.Line(2, ok: false) with { Expired = true });

        await batches.Work.TryFinishAsync(batch.Key, Cancel);

        BatchRecord ended = (await batches.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal(BatchStatus.Expired, ended.Status);
        Assert.NotNull(ended.ExpiredAt);
    }

    [Fact]
    public async Task Finish_WasCancelled_IsCancelledWithWhatIsDone()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.BegunAsync(1);
        await WriteAsync(batches, batch, 0, TestBatches.Line(1));
        await batches.Store.CancelAsync(batch.Key, Cancel);

        await batches.Work.TryFinishAsync(batch.Key, Cancel);

        BatchRecord ended = (await batches.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal(BatchStatus.Cancelled, ended.Status);
        Assert.NotNull(ended.CancelledAt);
        Assert.Equal(Text(1), await batches.ReadFileAsync(null, ended.OutputFileId));
    }

    [Fact]
    public async Task Finish_ManyAtOnce_MakeTheSameFiles()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.BegunAsync(5);
        for (int i = 0; i < 5; i++) await WriteAsync(batches, batch, i, TestBatches.Line(2 * i), TestBatches.Line(2 * i + 1, ok: false));

        bool[] ended = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => batches.Work.TryFinishAsync(batch.Key, Cancel)));

        Assert.Contains(true, ended);
        BatchRecord record = (await batches.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal((BatchStatus.Completed, new BatchCounts(5, 5, 5)), (record.Status, record.Counts));
        Assert.Equal(Text(0, 2, 4, 6, 8), await batches.ReadFileAsync(null, record.OutputFileId));
        Assert.Equal(Text(1, 3, 5, 7, 9), await batches.ReadFileAsync(null, record.ErrorFileId));
        Assert.Equal([$"{batch.Key}/batch.json"], await batches.NamesAsync());
        Assert.Equal(3, (await batches.NamesAsync(StorageNames.Files)).Count);
    }

    [Fact]
    public async Task Finish_EveryFirstReplyLost_IsDoneOnce()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.BegunAsync(2);
        for (int i = 0; i < 2; i++) await WriteAsync(batches, batch, i, TestBatches.Line(i));
        var lost = new HashSet<string>();
        batches.Storage.Faults.Play(FaultTransport.LoseReply, request =>
        {
            lock (lost) return lost.Add($"{request.Method} {request.Uri}");
        });

        Assert.True(await batches.Work.TryFinishAsync(batch.Key, Cancel));

        BatchRecord record = (await batches.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal(BatchStatus.Completed, record.Status);
        Assert.Equal(Text(0, 1), await batches.ReadFileAsync(null, record.OutputFileId));
        Assert.Equal([$"{batch.Key}/batch.json"], await batches.NamesAsync());
    }

    [Fact]
    public async Task Finish_ServiceCanCopy_MovesNoByteThroughThisProcess()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.BegunAsync(3);
        for (int i = 0; i < 3; i++) await WriteAsync(batches, batch, i, TestBatches.Line(i));
        // The emulator does not know the operation: the transport plays it, as the service does it, with the source that the request names.
        var sources = new List<string>();
        int passedThrough = 0;
        batches.Storage.Faults.Play(async (message, send) =>
        {
            if (message.Request.Headers.TryGetValue("x-ms-copy-source", out string? source))
            {
                lock (sources) sources.Add(source!);
                byte[] part = (await new BlobClient(new Uri(source!)).DownloadContentAsync(Cancel)).Value.Content.ToArray();
                string id = System.Web.HttpUtility.ParseQueryString(message.Request.Uri.Query)["blockid"]!;
                BlockBlobClient target = batches.Storage.Blobs.GetBlobContainerClient(StorageNames.Files)
                    .GetBlockBlobClient(new BlobUriBuilder(message.Request.Uri.ToUri()).BlobName);
                await target.StageBlockAsync(id, new MemoryStream(part), cancellationToken: Cancel);
                await FaultTransport.Answer(201, "Created")(message, send);
                return;
            }
            Interlocked.Increment(ref passedThrough);
            await send();
        }, request => request.Uri.Query.Contains("comp=block&", StringComparison.Ordinal));

        Assert.True(await batches.Work.TryFinishAsync(batch.Key, Cancel));

        Assert.Equal((3, 0), (sources.Count, passedThrough));
        // Signed for reading alone, and for a time.
        Assert.All(sources, source => Assert.Equal("r", System.Web.HttpUtility.ParseQueryString(new Uri(source).Query)["sp"]));
        Assert.All(sources, source => Assert.NotNull(System.Web.HttpUtility.ParseQueryString(new Uri(source).Query)["se"]));
        BatchRecord record = (await batches.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal(Text(0, 1, 2), await batches.ReadFileAsync(null, record.OutputFileId));
    }

    [Fact]
    public async Task Finish_AccountOfAnIdentity_LetsTheServiceReadWithItsToken()
    {
        var transport = new FaultTransport();
        var copies = new List<(string Source, string Authorization)>();
        string committed = "";
        transport.Play(async (message, send) =>
        {
            if (message.Request.Headers.TryGetValue("x-ms-copy-source", out string? source))
            {
                message.Request.Headers.TryGetValue("x-ms-copy-source-authorization", out string? authorization);
                lock (copies) copies.Add((source!, authorization!));
            }
            else
            {
                committed = $"{message.Request.Method} {message.Request.Uri}";
            }
            await FaultTransport.Answer(201, "Created")(message, send);
        }, _ => true);
        StorageConnection connection = StorageConnection.FromSettings(
            key => key == "Storage:accountName" ? "someaccount" : null, "Storage", new StorageTuning { Transport = transport, Identity = new TestIdentity() });

        await new FileConcatenation(connection, StorageNames.Batches).WriteOnceAsync(
            new OwnedId("team-a", "file-1"), "name", null, [new FilePart(0, "team-a/batch_1/results/00000.output.jsonl", 5)], Cancel);

        Assert.Equal([("https://someaccount.blob.core.windows.net/batches/team-a/batch_1/results/00000.output.jsonl", "Bearer token")], copies.Select(copy => (Uri.UnescapeDataString(copy.Source), copy.Authorization)));
        Assert.Equal("PUT https://someaccount.blob.core.windows.net/files/team-a/file-1?comp=blocklist", Uri.UnescapeDataString(committed));
    }

    [Fact]
    public async Task Finish_AccountOfASharedAccessSignature_LetsTheServiceReadWithIt()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        Uri signed = batches.Storage.Blobs.GenerateAccountSasUri(
            AccountSasPermissions.All, DateTimeOffset.UtcNow.AddHours(1), AccountSasResourceTypes.All);
        string endpoint = signed.GetLeftPart(UriPartial.Path);
        string signature = $"BlobEndpoint={endpoint};QueueEndpoint={endpoint};SharedAccessSignature={signed.Query.TrimStart('?')}";
        string? source = null;
        batches.Storage.Faults.Play(async (message, _) =>
        {
            message.Request.Headers.TryGetValue("x-ms-copy-source", out source);
            // As the service does: with nothing but this address it must be able to read.
            await new BlobClient(new Uri(source!)).DownloadContentAsync(Cancel);
            await FaultTransport.Answer(501, "NotImplemented")(message, _);
        }, request => request.Headers.Contains("x-ms-copy-source"));
        await batches.Storage.Blob(StorageNames.Batches, "part").UploadAsync(BinaryData.FromString("x"), Cancel);
        StorageConnection connection = TestStorage.Connect(signature, new StorageTuning { Transport = batches.Storage.Faults });

        await new FileConcatenation(connection, StorageNames.Batches).WriteOnceAsync(new OwnedId(null, "file-1"), "name", null, [new FilePart(0, "part", 1)], Cancel);

        Assert.Contains("sig=", source, StringComparison.Ordinal);
        Assert.Equal("x", await batches.ReadFileAsync(null, "file-1"));
    }

    [Theory]
    [InlineData(403, "CannotVerifyCopySource")]
    [InlineData(501, "NotImplemented")]
    public async Task Finish_ServiceCannotCopy_PassesThePartsThrough(int status, string code)
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.BegunAsync(2);
        for (int i = 0; i < 2; i++) await WriteAsync(batches, batch, i, TestBatches.Line(i));
        batches.Storage.Faults.Play(FaultTransport.Answer(status, code), request => request.Headers.Contains("x-ms-copy-source"));

        Assert.True(await batches.Work.TryFinishAsync(batch.Key, Cancel));

        // Not tried again: an answer is no failure that passes.
        Assert.Equal(2, batches.Storage.Faults.Matched);
        BatchRecord record = (await batches.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal(Text(0, 1), await batches.ReadFileAsync(null, record.OutputFileId));
    }

    [Fact]
    public async Task Finish_PartsAreGoneBecauseAnotherEndedIt_IsEnded()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.BegunAsync(2);
        for (int i = 0; i < 2; i++) await WriteAsync(batches, batch, i, TestBatches.Line(i));
        var other = new BatchWork(TestStorage.Connect(batches.Storage.ConnectionString, new StorageTuning()), TestBatches.Lease);
        // After this worker has seen all results, and before it copies them, another one ends the batch.
        batches.Storage.Faults.Play(async (_, send) =>
        {
            await other.TryFinishAsync(batch.Key, Cancel);
            await send();
        }, request => request.Headers.Contains("x-ms-copy-source"), times: 1);

        Assert.True(await batches.Work.TryFinishAsync(batch.Key, Cancel));

        BatchRecord record = (await batches.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal((BatchStatus.Completed, Text(0, 1)), (record.Status, await batches.ReadFileAsync(null, record.OutputFileId)));
        Assert.Equal([$"{batch.Key}/batch.json"], await batches.NamesAsync());
    }

    private sealed class TestIdentity : TokenCredential
    {
        public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
            new("token", DateTimeOffset.UtcNow.AddHours(1));

        public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
            ValueTask.FromResult(GetToken(requestContext, cancellationToken));
    }

    private static Task WriteAsync(TestBatches batches, BatchRecord batch, int chunk, params ChunkLine[] lines) =>
        batches.Work.Chunks.WriteResultsAsync(batch.Key, chunk, lines, Cancel);

    private static string Text(params int[] lines) => string.Concat(lines.Select(line => Encoding.UTF8.GetString(TestBatches.Line(line).Output.Span) + "\n"));
}
