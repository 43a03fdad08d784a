using System.Text;
using Azure.Core;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests.Batches;

/// <summary>A chunk is one worker's at a time, and what it stored is never lost and never doubled.</summary>
public class ChunkStoreTests(AzuriteFixture azurite)
{
    private static readonly OwnedId Batch = new("team-a", "batch_1");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Claim_NewChunk_IsThisWorkersAlone()
    {
        var (_, chunks) = await NewAsync();

        var (claim, _) = await chunks.TryClaimAsync(Batch, 12, Cancel);
        var (second, busyFor) = await chunks.TryClaimAsync(Batch, 12, Cancel);

        Assert.Equal((1, 0), (claim!.Attempts, claim.Lines.Count));
        Assert.Null(second);
        Assert.InRange(busyFor, TimeSpan.FromSeconds(1), TestBatches.Lease + TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task Claim_ManyWorkersAtOnce_OneGetsIt()
    {
        var (_, chunks) = await NewAsync();

        var claims = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => chunks.TryClaimAsync(Batch, 0, Cancel)));

        Assert.Single(claims, claim => claim.Claim is not null);
    }

    [Fact]
    public async Task Claim_ManyWorkersTakeOverAtOnce_OneGetsItAndTheOldOneLosesIt()
    {
        var (storage, chunks) = await NewAsync();
        ChunkClaim old = await ClaimAsync(chunks);
        await old.AppendAsync([TestBatches.Line(1)], Cancel);
        var silent = new ChunkStore(storage.Connection, TimeSpan.FromSeconds(-2));

        // Each takes it from the one before; of all who had it only the last can go on.
        ChunkClaim[] claims = [.. (await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => silent.TryClaimAsync(Batch, 0, Cancel)))).Select(taken => taken.Claim).OfType<ChunkClaim>()];
        int[] kept = [.. (await Task.WhenAll(claims.Append(old).Select(KeepsAsync))).Where(keeps => keeps).Select(_ => 1)];

        Assert.Single(kept);
        await Assert.ThrowsAsync<ClaimLostException>(() => old.AppendAsync([TestBatches.Line(2)], Cancel));
        await Assert.ThrowsAsync<ClaimLostException>(() => old.ReleaseAsync(Cancel));
    }

    [Fact]
    public async Task Claim_AnotherWorkerIsFasterWhileItIsRead_IsBusy()
    {
        var (storage, chunks) = await NewAsync();
        await (await ClaimAsync(chunks)).ReleaseAsync(Cancel);
        var others = new ChunkStore(TestStorage.Connect(storage.ConnectionString, new StorageTuning()), TimeSpan.FromSeconds(-2));
        storage.Faults.Play(async (_, send) =>
        {
            await ClaimAsync(others);
            await send();
        }, request => request.Method.Method == "GET", times: 1);

        var (claim, busyFor) = await chunks.TryClaimAsync(Batch, 0, Cancel);

        Assert.Null(claim);
        Assert.True(busyFor > TimeSpan.Zero);
    }

    [Fact]
    public async Task Append_Lines_AreThereForTheNextWorkerToTheByte()
    {
        var (_, chunks) = await NewAsync();
        ChunkClaim first = await ClaimAsync(chunks);
        await first.AppendAsync([TestBatches.Line(3), TestBatches.Line(1, ok: false)], Cancel);
        await first.AppendAsync([TestBatches.Line(2) with { Expired = true }], Cancel);
        await first.ReleaseAsync(Cancel);

        ChunkClaim second = await ClaimAsync(chunks);

        Assert.Equal([3, 1, 2], second.Lines.Select(line => line.Line));
        Assert.Equal([true, false, true], second.Lines.Select(line => line.Ok));
        Assert.Equal([false, false, true], second.Lines.Select(line => line.Expired));
        Assert.Equal("""{"n":3,"text":"ä \u00e4"}""", Encoding.UTF8.GetString(second.Lines[0].Output.Span));
        await second.AppendAsync([TestBatches.Line(4)], Cancel);
        await second.ReleaseAsync(Cancel);
        Assert.Equal([3, 1, 2, 4], (await ClaimAsync(chunks)).Lines.Select(line => line.Line));
    }

    [Theory]
    [InlineData("PUT")]
    [InlineData("GET")]
    [InlineData("HEAD")]
    public async Task Claim_EveryFirstReplyLost_IsTakenOnce(string method)
    {
        var (storage, chunks) = await NewAsync();
        LoseEveryFirstReply(storage, method);
        ChunkClaim first = await ClaimAsync(chunks);
        await first.AppendAsync([TestBatches.Line(1)], Cancel);
        await first.HeartbeatAsync(Cancel);
        await first.AppendAsync([TestBatches.Line(2)], Cancel);
        await first.ReleaseAsync(Cancel);
        LoseEveryFirstReply(storage, method);

        ChunkClaim second = await ClaimAsync(chunks);

        Assert.Equal([1, 2], second.Lines.Select(line => line.Line));
        Assert.Equal(1, second.Attempts);
    }

    [Fact]
    public async Task Append_AnotherWorkerCommittedMeanwhile_IsLostAndLeavesTheOthersLines()
    {
        var (storage, chunks) = await NewAsync();
        ChunkClaim old = await ClaimAsync(chunks);
        ChunkClaim? other = null;
        // Between the old worker's two calls, staging and committing, another takes the chunk and stores a line: the staged block goes with that.
        storage.Faults.Play(async (_, send) =>
        {
            await send();
            other = await ClaimAsync(new ChunkStore(TestStorage.Connect(storage.ConnectionString, new StorageTuning()), TimeSpan.FromSeconds(-2)));
            await other.AppendAsync([TestBatches.Line(7)], Cancel);
        }, request => request.Uri.Query.Contains("comp=block&", StringComparison.Ordinal), times: 1);

        await Assert.ThrowsAsync<ClaimLostException>(() => old.AppendAsync([TestBatches.Line(1)], Cancel));

        await other!.ReleaseAsync(Cancel);
        Assert.Equal([7], (await ClaimAsync(chunks)).Lines.Select(line => line.Line));
    }

    [Theory]
    [InlineData(400, "InvalidBlockList")]
    [InlineData(412, "ConditionNotMet")]
    public async Task Append_CommitRefused_IsALostClaim(int status, string code)
    {
        var (storage, chunks) = await NewAsync();
        ChunkClaim claim = await ClaimAsync(chunks);
        storage.Faults.Play(FaultTransport.Answer(status, code), request => request.Uri.Query.Contains("comp=blocklist", StringComparison.Ordinal));

        await Assert.ThrowsAsync<ClaimLostException>(() => claim.AppendAsync([TestBatches.Line(1)], Cancel));
    }

    [Fact]
    public async Task Append_ChunkIsGone_IsALostClaim()
    {
        var (storage, chunks) = await NewAsync();
        ChunkClaim claim = await ClaimAsync(chunks);
        await storage.Blob(StorageNames.Batches, "team-a/batch_1/chunks/00000").DeleteAsync(cancellationToken: Cancel);

        await Assert.ThrowsAsync<ClaimLostException>(() => claim.AppendAsync([TestBatches.Line(1)], Cancel));
        await Assert.ThrowsAsync<ClaimLostException>(() => claim.HeartbeatAsync(Cancel));
    }

    [Fact]
    public async Task Append_Throttled_IsTriedAgain()
    {
        var (storage, chunks) = await NewAsync();
        ChunkClaim claim = await ClaimAsync(chunks);
        storage.Faults.Play(FaultTransport.Answer(503, "ServerBusy"), _ => true, times: 3);

        await claim.AppendAsync([TestBatches.Line(1)], Cancel);

        Assert.Single(claim.Lines);
    }

    [Fact]
    public async Task Attempts_WorkersThatDie_AreCountedUntilALineHasItsResult()
    {
        var (storage, chunks) = await NewAsync();
        var silent = new ChunkStore(storage.Connection, TimeSpan.FromSeconds(-2));

        Assert.Equal(1, (await ClaimAsync(chunks)).Attempts);
        Assert.Equal(2, (await ClaimAsync(silent)).Attempts);
        ChunkClaim third = await ClaimAsync(silent);
        Assert.Equal(3, third.Attempts);
        await third.HeartbeatAsync(Cancel);
        ChunkClaim fourth = await ClaimAsync(silent);
        Assert.Equal(4, fourth.Attempts);
        // No fault of a line: the attempt is given back.
        await fourth.ReleaseAsync(Cancel);
        ChunkClaim again = await ClaimAsync(silent);
        Assert.Equal(4, again.Attempts);
        await again.AppendAsync([TestBatches.Line(1)], Cancel);
        Assert.Equal(1, (await ClaimAsync(silent)).Attempts);
    }

    [Theory]
    [InlineData(30, true)]
    [InlineData(90, false)]
    public async Task Claim_SilentWorker_IsJudgedByStoragesClock(int silentSeconds, bool busy)
    {
        var (storage, chunks) = await NewAsync();
        await ClaimAsync(chunks);
        // Storage's clock goes on, this machine's does not.
        storage.Faults.Play(async (message, send) =>
        {
            await send();
            message.Response = new ShiftedResponse(message.Response, TimeSpan.FromSeconds(silentSeconds));
        }, _ => true);

        var (claim, busyFor) = await chunks.TryClaimAsync(Batch, 0, Cancel);

        Assert.Equal(busy, claim is null);
        if (busy) Assert.InRange(busyFor, TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(40));
    }

    [Fact]
    public async Task WriteResults_AnyOrderOfLines_IsInTheInputsOrder()
    {
        var (storage, chunks) = await NewAsync();
        ChunkLine[] lines = [TestBatches.Line(9), TestBatches.Line(2, ok: false), TestBatches.Line(1), TestBatches.Line(3, ok: false) with { Expired = true }];
        Assert.False(await chunks.HasResultsAsync(Batch, 3, Cancel));

        await chunks.WriteResultsAsync(Batch, 3, lines, Cancel);
        await chunks.WriteResultsAsync(Batch, 3, [.. lines.Reverse()], Cancel);

        Assert.True(await chunks.HasResultsAsync(Batch, 3, Cancel));
        BlobDownloadResult output = await storage.Blob(StorageNames.Batches, "team-a/batch_1/results/00003.output.jsonl").DownloadContentAsync(Cancel);
        BlobDownloadResult errors = await storage.Blob(StorageNames.Batches, "team-a/batch_1/results/00003.errors.jsonl").DownloadContentAsync(Cancel);
        Assert.Equal("""{"n":1,"text":"ä \u00e4"}""" + "\n" + """{"n":9,"text":"ä \u00e4"}""" + "\n", output.Content.ToString());
        Assert.Equal("""{"n":2,"text":"ä \u00e4"}""" + "\n" + """{"n":3,"text":"ä \u00e4"}""" + "\n", errors.Content.ToString());
        Assert.Equal(new ChunkTally(2, 2, 12, 20), ChunkTally.Read(output.Details.Metadata));
        Assert.Equal("1", output.Details.Metadata["expired"]);
    }

    [Fact]
    public async Task Claim_CheckpointThatIsNone_IsAnError()
    {
        var (storage, chunks) = await NewAsync();
        await storage.Blob(StorageNames.Batches, "team-a/batch_1/chunks/00000").UploadAsync(BinaryData.FromString("{\"line\":1"), Cancel);

        var error = await Assert.ThrowsAsync<StorageException>(() => chunks.TryClaimAsync(Batch, 0, Cancel));

        Assert.Equal("The blob team-a/batch_1/chunks/00000 is not a chunk's checkpoint.", error.Message);
    }

    private static void LoseEveryFirstReply(TestStorage storage, string method)
    {
        var lost = new HashSet<string>();
        storage.Faults.Play(
            FaultTransport.LoseReply,
            request => request.Method.Method == method && lost.Add($"{request.Uri} {request.Headers.TryGetValue("If-Match", out string? match)} {match}"));
    }

    private static async Task<ChunkClaim> ClaimAsync(ChunkStore chunks)
    {
        var (claim, busyFor) = await chunks.TryClaimAsync(Batch, 0, Cancel);
        return claim ?? throw new InvalidOperationException($"Busy for {busyFor}.");
    }

    private static async Task<bool> KeepsAsync(ChunkClaim claim)
    {
        try
        {
            await claim.HeartbeatAsync(Cancel);
            return true;
        }
        catch (ClaimLostException)
        {
            return false;
        }
    }

    private async Task<(TestStorage Storage, ChunkStore Chunks)> NewAsync()
    {
        var storage = new TestStorage(azurite);
        await StorageProvisioning.EnsureContainerAsync(storage.Connection, StorageNames.Batches, Cancel);
        return (storage, new ChunkStore(storage.Connection, TestBatches.Lease));
    }

    /// <summary>An answer of a storage whose clock is ahead.</summary>
    private sealed class ShiftedResponse(Azure.Response inner, TimeSpan ahead) : Azure.Response
    {
        public override int Status => inner.Status;

        public override string ReasonPhrase => inner.ReasonPhrase;

        public override Stream? ContentStream
        {
            get => inner.ContentStream;
            set => inner.ContentStream = value;
        }

        public override string ClientRequestId
        {
            get => inner.ClientRequestId;
            set => inner.ClientRequestId = value;
        }

        public override void Dispose() => inner.Dispose();

        protected override bool ContainsHeader(string name) => inner.Headers.Contains(name);

        protected override IEnumerable<HttpHeader> EnumerateHeaders() => inner.Headers.Select(Shift);

        protected override bool TryGetHeader(string name, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out string? value)
        {
            bool found = inner.Headers.TryGetValue(name, out value);
            if (found) value = Shift(new HttpHeader(name, value!)).Value;
            return found;
        }

        protected override bool TryGetHeaderValues(string name, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out IEnumerable<string>? values) =>
            inner.Headers.TryGetValues(name, out values);

        private HttpHeader Shift(HttpHeader header) => header.Name.Equals("Date", StringComparison.OrdinalIgnoreCase)
            ? new HttpHeader(header.Name, (DateTimeOffset.Parse(header.Value, System.Globalization.CultureInfo.InvariantCulture) + ahead).ToString("R"))
            : header;
    }
}
