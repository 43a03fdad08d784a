using Gemma2.Backend;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;
using Gemma2.Storage.Jobs;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests.Batches;

public class BatchStoreTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null)]
    [InlineData("team-a")]
    public async Task Create_ValidBatch_IsStoredMarkedAndQueued(string? owner)
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        var metadata = new Dictionary<string, string> { ["project"] = "ä", [new string('k', 64)] = new string('v', 512) };
        string input = await batches.UploadAsync(owner);

        BatchRecord made = await batches.Store.CreateAsync(new NewBatch(owner, "/v1/completions", input, "168h", metadata), Cancel);

        BatchRecord read = (await batches.Store.TryReadAsync(made.Key, Cancel))!;
        Assert.Equal(made with { Metadata = null, Errors = [] }, read with { Metadata = null, Errors = [] });
        Assert.Equal((BatchStatus.Validating, "/v1/completions", input, "168h"), (read.Status, read.Endpoint, read.InputFileId, read.CompletionWindow));
        Assert.Equal(TimeSpan.FromHours(168), read.ExpiresAt - read.CreatedAt);
        Assert.Equal(metadata, read.Metadata!);
        Assert.Equal([$"_active/{made.Key}", $"{made.Key}/batch.json"], (await batches.NamesAsync()).Order(StringComparer.Ordinal));
        QueueLease message = Assert.Single(await batches.Work.Messages.ReceiveAsync(32, TimeSpan.FromMinutes(1), Cancel));
        Assert.Equal(new BatchMessage(made.Key), BatchMessage.Parse(message.ReadText()));
    }

    [Theory]
    [InlineData("/v1/embeddings", "24h", "endpoint")]
    [InlineData("/v1/completions", "", "completion_window")]
    [InlineData("/v1/completions", "0h", "completion_window")]
    [InlineData("/v1/completions", "169h", "completion_window")]
    [InlineData("/v1/completions", "24h\n", "completion_window")]
    [InlineData("/v1/completions", "8d", "completion_window")]
    [InlineData("/v1/completions", "0d", "completion_window")]
    [InlineData("/v1/completions", "1w", "completion_window")]
    [InlineData("/completions/", "1d", "endpoint")]
    [InlineData("/v1/completions", "-1h", "completion_window")]
    public async Task Create_WrongPart_IsRefusedByName(string endpoint, string window, string parameter)
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        var batch = new NewBatch(null, endpoint, await batches.UploadAsync(), window);

        var error = await Assert.ThrowsAsync<InvalidRequestException>(() => batches.Store.CreateAsync(batch, Cancel));

        Assert.Equal(parameter, error.Parameter);
        Assert.Empty(await batches.NamesAsync());
    }

    [Fact]
    public async Task Create_TooMuchMetadata_IsRefused()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        string input = await batches.UploadAsync();
        IReadOnlyDictionary<string, string>[] wrong =
        [
            Enumerable.Range(0, 17).ToDictionary(i => $"{i}", _ => ""),
            new Dictionary<string, string> { [new string('k', 65)] = "" },
            new Dictionary<string, string> { ["k"] = new string('v', 513) },
            new Dictionary<string, string> { [""] = "v" },
        ];

        foreach (IReadOnlyDictionary<string, string> metadata in wrong)
        {
            var batch = new NewBatch(null, BatchEndpoint.All[0], input, "24h", metadata);
            Assert.Equal("metadata", (await Assert.ThrowsAsync<InvalidRequestException>(() => batches.Store.CreateAsync(batch, Cancel))).Parameter);
        }
    }

    [Theory]
    [InlineData("file-gone")]
    [InlineData("../batches/x")]
    [InlineData("")]
    public async Task Create_NoSuchFile_IsRefused(string input)
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);

        var error = await Assert.ThrowsAsync<InvalidRequestException>(
            () => batches.Store.CreateAsync(new NewBatch(null, BatchEndpoint.All[0], input), Cancel));

        Assert.Equal(("input_file_id", "There is no file with the id in input_file_id."), (error.Parameter, error.Message));
    }

    [Fact]
    public async Task Create_AnotherOwnersFile_IsNoFile()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        string input = await batches.UploadAsync("team-a");

        foreach (string? owner in new[] { null, "team-b" })
            await Assert.ThrowsAsync<InvalidRequestException>(() => batches.Store.CreateAsync(new NewBatch(owner, BatchEndpoint.All[0], input), Cancel));
    }

    [Fact]
    public async Task Create_FileOfAnotherPurpose_IsRefused()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        string id = FileStore.NewId();
        await batches.Files.UploadAsync(new OwnedId(null, id), "o", FileStore.BatchOutputPurpose, new MemoryStream([1]), null, Cancel);

        var error = await Assert.ThrowsAsync<InvalidRequestException>(
            () => batches.Store.CreateAsync(new NewBatch(null, BatchEndpoint.All[0], id), Cancel));

        Assert.Contains("allowed is the purpose 'batch'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_EveryReplyLostOnce_MakesOneBatch()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        string input = await batches.UploadAsync();
        var lost = new HashSet<string>();
        batches.Storage.Faults.Play(FaultTransport.LoseReply, request => request.Method.Method != "GET" && lost.Add(request.Uri.Path));

        BatchRecord made = await batches.Store.CreateAsync(new NewBatch(null, BatchEndpoint.All[0], input), Cancel);

        Assert.Equal(4, lost.Count);
        Assert.Equal(made.Key, (await batches.Store.TryReadAsync(made.Key, Cancel))!.Key);
        Assert.Equal(2, (await batches.NamesAsync()).Count);
    }

    [Fact]
    public async Task Create_QueueAway_StoresTheBatchForTheSweep()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        string input = await batches.UploadAsync();
        batches.Storage.Faults.Play(FaultTransport.Answer(503, "ServerBusy"), request => request.Uri.Path.Contains(StorageNames.BatchRequests, StringComparison.Ordinal));

        BatchRecord made = await batches.Store.CreateAsync(new NewBatch(null, BatchEndpoint.All[0], input), Cancel);

        Assert.Contains($"_active/{made.Key}", await batches.NamesAsync());
    }

    [Fact]
    public async Task TryRead_AnotherOwnersOrNone_IsNull()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord made = await batches.NewAsync("team-a");

        Assert.Null(await batches.Store.TryReadAsync(new OwnedId(null, made.Key.Id), Cancel));
        Assert.Null(await batches.Store.TryReadAsync(new OwnedId("team-b", made.Key.Id), Cancel));
        Assert.Null(await batches.Store.TryReadAsync(new OwnedId("team-a", "batch_gone"), Cancel));
        await Assert.ThrowsAsync<InvalidRequestException>(() => batches.Store.TryReadAsync(new OwnedId(null, $"team-a/{made.Key.Id}"), Cancel));
    }

    [Fact]
    public async Task TryRead_InProgress_SumsItsChunks()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.BegunAsync(3);
        for (int chunk = 0; chunk < 2; chunk++)
        {
            ChunkClaim claim = (await batches.Work.Chunks.TryClaimAsync(batch.Key, chunk, Cancel)).Claim!;
            await claim.AppendAsync([TestBatches.Line(1), TestBatches.Line(2, ok: chunk == 0)], Cancel);
        }

        BatchRecord read = (await batches.Store.TryReadAsync(batch.Key, Cancel))!;

        Assert.Equal((BatchStatus.InProgress, new BatchCounts(3, 3, 1), new BatchUsage(12, 20)), (read.Status, read.Counts, read.Usage));
    }

    [Fact]
    public async Task List_ManyBatches_IsNewestFirstInPages()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        var ids = new List<string>();
        for (int i = 0; i < 5; i++)
        {
            ids.Add((await batches.NewAsync("team-a")).Key.Id);
            await batches.NewAsync();
        }
        await batches.NewAsync("team-ab");
        ids.Sort((a, b) => string.CompareOrdinal(b, a));

        var (first, more) = await batches.Store.ListAsync("team-a", null, 3, Cancel);
        var (rest, end) = await batches.Store.ListAsync("team-a", first[^1].Key.Id, 3, Cancel);

        Assert.Equal(ids, first.Concat(rest).Select(batch => batch.Key.Id));
        Assert.Equal((3, true, false), (first.Count, more, end));
        Assert.Equal(5, (await batches.Store.ListAsync(null, null, 100, Cancel)).Batches.Count);
        Assert.Empty((await batches.Store.ListAsync("team-c", null, 100, Cancel)).Batches);
    }

    [Fact]
    public async Task Cancel_Twice_IsCancellingOnce()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.NewAsync();

        BatchRecord first = (await batches.Store.CancelAsync(batch.Key, Cancel))!;
        BatchRecord second = (await batches.Store.CancelAsync(batch.Key, Cancel))!;

        Assert.Equal((BatchStatus.Cancelling, BatchStatus.Cancelling), (first.Status, second.Status));
        Assert.NotNull(first.CancellingAt);
        Assert.Equal(first.CancellingAt, second.CancellingAt);
        Assert.Null(await batches.Store.CancelAsync(new OwnedId("team-a", batch.Key.Id), Cancel));
    }

    [Fact]
    public async Task Cancel_ReplyLost_IsCancelled()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.NewAsync();
        batches.Storage.Faults.Play(FaultTransport.LoseReply, request => request.Method.Method == "PUT", times: 1);

        Assert.Equal(BatchStatus.Cancelling, (await batches.Store.CancelAsync(batch.Key, Cancel))!.Status);
    }

    [Fact]
    public async Task Cancel_WhileOthersChangeIt_LosesNoChange()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.NewAsync();
        var plan = new BatchPlan(7, [new BatchChunk(0, 0, 10, 1, 7, [])], []);

        await Task.WhenAll(
            Task.WhenAll(Enumerable.Range(0, 6).Select(_ => batches.Store.CancelAsync(batch.Key, Cancel))),
            Task.WhenAll(Enumerable.Range(0, 6).Select(_ => batches.Work.BeginAsync(batch.Key, plan, Cancel))));

        BatchRecord read = (await batches.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal((BatchStatus.Cancelling, 1, 7L), (read.Status, read.ChunkCount, read.Counts.Total));
    }

    [Fact]
    public async Task Cancel_Ended_IsRefused()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.NewAsync();
        await batches.Work.FailAsync(batch.Key, 0, [new BatchError("empty_file", "Nothing.")], Cancel);

        await Assert.ThrowsAsync<InvalidRequestException>(() => batches.Store.CancelAsync(batch.Key, Cancel));

        Assert.Equal([$"{batch.Key}/batch.json"], await batches.NamesAsync());
    }
}
