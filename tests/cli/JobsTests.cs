using System.Text;
using System.Text.Json;
using Gemma2.Golden;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

/// <summary><c>gemma2 jobs</c> against a real Azurite, where no service works on jobs.</summary>
public sealed class JobsTests(AzuriteFixture azurite) : StorageTest(azurite)
{
    private const string Answer = """{"status":"succeeded","response":{"choices":[{"text":"Fine.\nAnd you?"}]}}""";
    private const string Error = """{"status":"failed","error":{"message":"No such model."}}""";

    [Fact]
    public async Task Show_QueuedJob_SaysSo()
    {
        await SubmitAsync("mine");
        string[] lines = (await RunAsync("jobs", "show", "mine")).Succeeded().Split('\n');
        Assert.Matches(@"^mine\s+queued\s*$", lines[0]);
        JsonElement job = await ShowAsync("mine");
        Assert.Equal(("mine", "queued", "nano", 0), (job.Text("id"), job.Text("status"), job.Text("model"), job.GetProperty("attempts").GetInt32()));
        Assert.Equal(JsonValueKind.Null, job.GetProperty("result").ValueKind);
        Assert.InRange(job.GetProperty("created_at").GetInt64(), 1, long.MaxValue);
    }

    [Fact]
    public async Task Show_JobWithAnswer_PrintsIt()
    {
        await EndAsync("done", JobStatus.Succeeded, Answer);
        Assert.EndsWith("\n\nFine.\nAnd you?\n", (await RunAsync("jobs", "show", "done")).Succeeded());
        Assert.Equal("succeeded", (await ShowAsync("done")).Text("status"));
    }

    [Fact]
    public async Task Show_FailedJob_PrintsTheReasonAndSucceeds()
    {
        await EndAsync("bad", JobStatus.Failed, Error);
        Assert.Contains("No such model.", (await RunAsync("jobs", "show", "bad")).Succeeded());
        Assert.Equal("No such model.", (await ShowAsync("bad")).GetProperty("result").GetProperty("error").Text("message"));
    }

    [Fact]
    public async Task Show_AnotherOwnersJob_IsNotThere()
    {
        await SubmitAsync("mine", "--owner", "red");
        Assert.Equal("red", (await ShowAsync("mine", "--owner", "red")).Text("owner"));
        (await RunAsync("jobs", "show", "mine")).Failed(1, "no job mine");
        (await RunAsync("jobs", "show", "mine", "--owner", "blue")).Failed(1, "no job mine");
        (await RunAsync("jobs", "cancel", "mine")).Failed(1, "no job mine");
    }

    [Fact]
    public async Task Cancel_QueuedJob_IsItsEnd()
    {
        await SubmitAsync("mine");
        Assert.Equal("mine: cancelled\n", (await RunAsync("jobs", "cancel", "mine")).Succeeded());
        Assert.Equal("mine: cancelled\n", (await RunAsync("jobs", "cancel", "mine")).Succeeded());
        Assert.Equal("cancelled", (await ShowAsync("mine")).Text("status"));
        (await RunAsync("submit", "--model", "nano", "--prompt", "How?", "--id", "mine", "--wait")).Failed(1, "mine", "was cancelled");
    }

    [Fact]
    public async Task Cancel_JobWithAnswer_FailsAndKeepsIt()
    {
        await EndAsync("done", JobStatus.Succeeded, Answer);
        (await RunAsync("jobs", "cancel", "done")).Failed(1, "done", "succeeded already");
        Assert.Equal("succeeded", (await ShowAsync("done")).Text("status"));
    }

    [Fact]
    public async Task Failed_JobsOfAllOwners_AreListedWithReasons()
    {
        await EndAsync("good", JobStatus.Succeeded, Answer);
        await EndAsync("bad", JobStatus.Failed, Error);
        await EndAsync("worse", JobStatus.Failed, """{"status":"failed","error":{"message":"Too\nlong."}}""", "red");
        string all = (await RunAsync("jobs", "failed")).Succeeded();
        Assert.Matches(@"(?m)^bad +- .*No such model\.", all);
        Assert.Matches(@"(?m)^worse +red .*Too long\.", all);
        Assert.DoesNotContain("good", all);
        JsonElement ofRed = JsonElement.Parse((await RunAsync("jobs", "failed", "--owner", "red", "--json")).Succeeded());
        Assert.Equal("worse", Assert.Single(ofRed.GetProperty("jobs").EnumerateArray()).Text("id"));
    }

    [Fact]
    public async Task Failed_NewAccount_IsEmpty() =>
        Assert.Empty(JsonElement.Parse((await RunAsync("jobs", "failed", "--json")).Succeeded()).GetProperty("jobs").EnumerateArray());

    [Fact]
    public async Task Requeue_FailedJob_QueuesItAgain()
    {
        await EndAsync("bad", JobStatus.Failed, Error);
        Assert.Equal("bad: queued\n", (await RunAsync("jobs", "requeue", "bad")).Succeeded());
        Assert.Equal("queued", (await ShowAsync("bad")).Text("status"));
    }

    [Fact]
    public async Task Requeue_OneThatCannotBe_DoesNotHoldUpTheOthers()
    {
        await EndAsync("good", JobStatus.Succeeded, Answer);
        await EndAsync("bad", JobStatus.Failed, Error);
        Outcome outcome = await RunAsync("jobs", "requeue", "absent", "good", "bad", "bad");
        Assert.Equal("bad: queued\n", outcome.Output);
        (outcome with { Output = "" }).Failed(1, "2 of 3", "absent");
        JsonElement report = JsonElement.Parse((await RunAsync("jobs", "requeue", "good", "--json")).Output);
        Assert.Empty(report.GetProperty("requeued").EnumerateArray());
        Assert.Equal("good", Assert.Single(report.GetProperty("refused").EnumerateArray()).Text("id"));
    }

    [Fact]
    public async Task Requeue_AllFailed_QueuesThoseOfEveryOwner()
    {
        await EndAsync("bad", JobStatus.Failed, Error);
        await EndAsync("worse", JobStatus.Failed, Error, "red");
        await EndAsync("good", JobStatus.Succeeded, Answer);
        JsonElement report = JsonElement.Parse((await RunAsync("jobs", "requeue", "--all-failed", "--json")).Succeeded());
        Assert.Equal(["bad", "red/worse"], report.GetProperty("requeued").EnumerateArray().Select(id => id.GetString()).Order(StringComparer.Ordinal));
        Assert.Equal("queued", (await ShowAsync("worse", "--owner", "red")).Text("status"));
        Assert.Equal("", (await RunAsync("jobs", "requeue", "--all-failed")).Succeeded());
    }

    private async Task SubmitAsync(string id, params string[] options) =>
        Assert.Equal($"{id}\n", (await RunAsync(["submit", "--model", "nano", "--prompt", "How?", "--id", id, .. options])).Succeeded());

    /// <summary>Submits a job and plays the worker that ends it.</summary>
    private async Task EndAsync(string id, JobStatus status, string result, string? owner = null)
    {
        await SubmitAsync(id, owner is null ? [] : ["--owner", owner]);
        await new ResultStore(Connection).WriteOnceAsync(new OwnedId(owner, id), status, Encoding.UTF8.GetBytes(result), Cancellation);
    }

    private async Task<JsonElement> ShowAsync(string id, params string[] options) =>
        JsonElement.Parse((await RunAsync(["jobs", "show", id, "--json", .. options])).Succeeded());
}
