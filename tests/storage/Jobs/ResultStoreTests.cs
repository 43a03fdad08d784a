using System.Text;
using Gemma2.Backend;
using Gemma2.Storage.Jobs;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests.Jobs;

public class ResultStoreTests(AzuriteFixture azurite)
{
    private static readonly OwnedId Job = new(null, "job-1");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task WriteOnce_NewResult_IsReadBack()
    {
        var (_, store) = await NewStoreAsync();

        Assert.Equal(WriteOutcome.Written, await store.WriteOnceAsync(Job, JobStatus.Succeeded, "{\"a\":1}"u8.ToArray(), Cancel));

        Assert.Equal("{\"a\":1}", Encoding.UTF8.GetString((await store.TryReadAsync(Job, Cancel))!.Value.Span));
    }

    [Fact]
    public async Task WriteOnce_SecondResult_LeavesTheFirst()
    {
        var (_, store) = await NewStoreAsync();
        await store.WriteOnceAsync(Job, JobStatus.Succeeded, "1"u8.ToArray(), Cancel);

        Assert.Equal(WriteOutcome.AlreadyThere, await store.WriteOnceAsync(Job, JobStatus.Succeeded, "2"u8.ToArray(), Cancel));

        Assert.Equal("1", Encoding.UTF8.GetString((await store.TryReadAsync(Job, Cancel))!.Value.Span));
    }

    [Fact]
    public async Task WriteOnce_ManyAtTheSameTime_OneWins()
    {
        var (_, store) = await NewStoreAsync();
        byte[][] results = [.. Enumerable.Range(0, 16).Select(i => Encoding.UTF8.GetBytes($"{{\"worker\":{i}}}"))];

        WriteOutcome[] outcomes = await Task.WhenAll(results.Select(result => store.WriteOnceAsync(Job, JobStatus.Succeeded, result, Cancel)));

        Assert.Single(outcomes, WriteOutcome.Written);
        byte[] winner = results[Array.IndexOf(outcomes, WriteOutcome.Written)];
        Assert.Equal(winner, (await store.TryReadAsync(Job, Cancel))!.Value.ToArray());
    }

    [Fact]
    public async Task WriteOnce_ReplyLostAfterItTookEffect_IsNoError()
    {
        var (storage, store) = await NewStoreAsync();
        storage.Faults.Play(FaultTransport.LoseReply, request => request.Method.Method == "PUT", times: 1);

        Assert.Equal(WriteOutcome.AlreadyThere, await store.WriteOnceAsync(Job, JobStatus.Succeeded, "1"u8.ToArray(), Cancel));

        Assert.Equal("1", Encoding.UTF8.GetString((await store.TryReadAsync(Job, Cancel))!.Value.Span));
    }

    [Theory]
    [InlineData(409, "ContainerBeingDeleted")]
    [InlineData(409, "OperationNotAllowedInCurrentState")]
    [InlineData(412, "LeaseIdMissing")]
    public async Task WriteOnce_ConflictOfAnotherKind_IsNotTakenForAResult(int status, string code)
    {
        var (storage, store) = await NewStoreAsync();
        storage.Faults.Play(FaultTransport.Answer(status, code), request => request.Method.Method == "PUT");

        var error = await Assert.ThrowsAsync<StorageException>(() => store.WriteOnceAsync(Job, JobStatus.Succeeded, "1"u8.ToArray(), Cancel));

        Assert.Equal($"Writing blob completions/job-1.json failed: {status} {code}", error.Message);
    }

    [Fact]
    public async Task WriteOnce_ContainerMissing_SaysSo()
    {
        var storage = new TestStorage(azurite);

        var error = await Assert.ThrowsAsync<StorageException>(() => new ResultStore(storage.Connection).WriteOnceAsync(Job, JobStatus.Succeeded, "1"u8.ToArray(), Cancel));

        Assert.Equal("Writing blob completions/job-1.json failed: 404 ContainerNotFound", error.Message);
    }

    [Fact]
    public async Task TryRead_NoResult_IsNull()
    {
        var (_, store) = await NewStoreAsync();

        Assert.Null(await store.TryReadAsync(Job, Cancel));
    }

    [Fact]
    public async Task TryRead_BodyBreaksOnce_ReadsAgain()
    {
        var (storage, store) = await NewStoreAsync();
        byte[] result = Encoding.UTF8.GetBytes(new string('x', 50_000));
        await store.WriteOnceAsync(Job, JobStatus.Succeeded, result, Cancel);
        storage.Faults.Play(FaultTransport.BreakBody, request => request.Method.Method == "GET", times: 1);

        Assert.Equal(result, (await store.TryReadAsync(Job, Cancel))!.Value.ToArray());
    }

    [Fact]
    public async Task WriteOnce_SameIdOfTwoOwners_AreTwoResults()
    {
        var (_, store) = await NewStoreAsync();
        await store.WriteOnceAsync(Job, JobStatus.Succeeded, "1"u8.ToArray(), Cancel);

        Assert.Equal(WriteOutcome.Written, await store.WriteOnceAsync(new OwnedId("team", "job-1"), JobStatus.Succeeded, "2"u8.ToArray(), Cancel));

        Assert.Equal("1", Encoding.UTF8.GetString((await store.TryReadAsync(Job, Cancel))!.Value.Span));
    }

    [Theory]
    [InlineData("")]
    [InlineData("..")]
    [InlineData("../models/nano/manifest")]
    [InlineData("a/b")]
    [InlineData("a\\b")]
    [InlineData("a.b")]
    [InlineData("a%2Fb")]
    [InlineData("a\n")]
    [InlineData("ä")]
    [InlineData("a b")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345")]
    public async Task WriteOnce_HostileId_IsRefused(string id)
    {
        var (_, store) = await NewStoreAsync();

        var error = await Assert.ThrowsAsync<InvalidRequestException>(() => store.WriteOnceAsync(new OwnedId(null, id), JobStatus.Succeeded, "1"u8.ToArray(), Cancel));

        Assert.Equal("The job id is not usable; allowed are 1 to 64 letters, digits, '-' and '_'.", error.Message);
    }

    private async Task<(TestStorage Storage, ResultStore Store)> NewStoreAsync()
    {
        var storage = new TestStorage(azurite);
        await StorageProvisioning.EnsureCreatedAsync(storage.Connection, Cancel);
        return (storage, new ResultStore(storage.Connection));
    }
}
