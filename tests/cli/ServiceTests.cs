using System.Text.Json;
using Gemma2.Golden;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

/// <summary>Commands against the real service, which works on what they store.</summary>
public sealed class ServiceTests : IClassFixture<Service>
{
    private static readonly string[] Questions = ["What is the capital of France?", "How many legs does a spider have?", "Tell me a story about a fox."];

    private readonly Service _service;

    public ServiceTests(Service service)
    {
        Machine.NeedsDevice();
        service.Start();
        _service = service;
    }

    [Fact]
    public async Task Submit_Wait_PrintsTheAnswerAlone()
    {
        string output = (await RunAsync("submit", "--model", "nano", "--chat", Questions[0], "--temperature", "0", "--id", "asked", "--wait")).Succeeded();
        Assert.Equal("The capital of France is Paris.\n", output);
        JsonElement job = JsonElement.Parse((await RunAsync("jobs", "show", "asked", "--json")).Succeeded());
        Assert.Equal(("succeeded", 1), (job.Text("status"), job.GetProperty("attempts").GetInt32()));
        Assert.True(job.GetProperty("finished_at").GetInt64() >= job.GetProperty("created_at").GetInt64());
    }

    [Fact]
    public async Task Submit_WrongRequest_FailsAndIsListedAndQueuedAgain()
    {
        using var folder = new TemporaryFolder();
        string body = folder.Write("body.json", """{"model":"nano","messages":[{"role":"king","content":"Hi"}]}""");
        (await RunAsync("submit", "--file", body, "--id", "wrong", "--wait")).Failed(1, "wrong", "failed", "role");
        Assert.Contains("wrong", (await RunAsync("jobs", "failed")).Succeeded());
        Assert.Equal("wrong: queued\n", (await RunAsync("jobs", "requeue", "wrong")).Succeeded());
        (await RunAsync("submit", "--file", body, "--id", "wrong", "--wait")).Failed(1, "wrong", "role");
    }

    [Fact]
    public async Task BatchSubmit_Wait_CompletesAndTheFilesCanBeFetched()
    {
        using var folder = new TemporaryFolder();
        string requests = folder.Write("requests.jsonl", string.Concat(Questions.Select(Line)) + "nonsense\n" + Line("Who?", 3).Replace("/v1/chat", "/v2/chat", StringComparison.Ordinal));
        Outcome outcome = await RunAsync("batch", "submit", requests, "--wait");
        string id = outcome.Succeeded().Split('\n')[0];
        Assert.Matches($@"(?m)^{id}\s+completed\s*$", outcome.Output);
        Assert.Contains("5 of 5 done, 2 failed", outcome.Output);
        Assert.All(outcome.Error.TrimEnd().Split('\n'), line => Assert.StartsWith($"{id}: ", line));
        Assert.EndsWith("completed, 5 of 5 done, 2 failed\n", outcome.Error);

        JsonElement report = JsonElement.Parse((await RunAsync("batch", "fetch", id, "--output", folder.File("out"), "--errors", folder.File("err"), "--json")).Succeeded());
        Assert.Equal(new FileInfo(folder.File("out")).Length, report.GetProperty("output").GetProperty("bytes").GetInt64());
        JsonElement[] answers = Lines(await File.ReadAllTextAsync(folder.File("out"), Cancellation)), errors = Lines(await File.ReadAllTextAsync(folder.File("err"), Cancellation));
        Assert.Equal(["line-0", "line-1", "line-2"], answers.Select(answer => answer.Text("custom_id")));
        Assert.Contains("Paris", answers[0].GetProperty("response").GetRawText());
        Assert.Equal(2, errors.Length);
        Assert.Equal(["err", "out", "requests.jsonl"], folder.Files);

        Assert.Equal(await File.ReadAllTextAsync(folder.File("out"), Cancellation), (await RunAsync("batch", "fetch", id)).Succeeded());
        Assert.Equal(await File.ReadAllTextAsync(folder.File("err"), Cancellation), (await RunAsync("batch", "fetch", id, "--errors", "-")).Succeeded());
        Assert.Equal("{", (await RunInShellAsync($"\"$GEMMA2\" batch fetch {id} | head -c 1")).Succeeded());
        (await RunAsync("batch", "fetch", id, "--output", folder.File("no/such/folder"))).Failed(1, "no/such/folder");
        (await RunAsync("batch", "cancel", id)).Failed(1, id, "ended");
        JsonElement watched = JsonElement.Parse((await RunAsync("batch", "watch", id, "--json")).Succeeded());
        Assert.True(watched.GetProperty("usage").GetProperty("output_tokens").GetInt64() > 0);
    }

    [Fact]
    public async Task BatchFetch_NoRequestFailed_SaysThatThereIsNoErrorFile()
    {
        using var folder = new TemporaryFolder();
        string id = (await RunAsync("batch", "submit", folder.Write("requests.jsonl", Line(Questions[0], 0)), "--wait", "--owner", "red")).Succeeded().Split('\n')[0];
        (await RunAsync("batch", "fetch", id, "--owner", "red", "--errors", folder.File("err"))).Failed(1, "no error file: none of its requests failed");
        Outcome both = await RunAsync("batch", "fetch", id, "--owner", "red", "--output", folder.File("out"), "--errors", folder.File("err"));
        Assert.Equal(0, both.ExitCode);
        Assert.Contains("no error file", both.Error);
        Assert.Equal(["out", "requests.jsonl"], folder.Files);
    }

    [Fact]
    public async Task BatchWatch_BatchWithoutAGoodLine_FailsWithTheReason()
    {
        using var folder = new TemporaryFolder();
        Outcome outcome = await RunAsync("batch", "submit", folder.Write("requests.jsonl", "nonsense\n[]\n"), "--wait");
        string id = outcome.Output.Split('\n')[0];
        Assert.Equal(1, outcome.ExitCode);
        Assert.Matches($@"(?m)^{id}\s+failed\s*$", outcome.Output);
        Assert.Contains("line 1", outcome.Output);
        Assert.StartsWith($"gemma2: Batch {id} failed: line 1: ", outcome.Error.TrimEnd().Split('\n')[^1]);
        (await RunAsync("batch", "fetch", id)).Failed(1, id, "no output file");
        string[] errors = (await RunAsync("batch", "fetch", id, "--errors", "-")).Succeeded().Trim().Split('\n');
        Assert.Equal([1, 2], errors.Select(line => JsonElement.Parse(line).GetProperty("error").GetProperty("line").GetInt32()));
    }

    [Fact]
    public async Task BatchCancel_RunningBatch_EndsItAndKeepsWhatIsDone()
    {
        using var folder = new TemporaryFolder();
        string requests = folder.Write("requests.jsonl", string.Concat(Enumerable.Range(0, 3000).Select(i => Line(Questions[2], i))));
        string id = (await RunAsync("batch", "submit", requests)).Succeeded().Trim();
        (await RunAsync("batch", "cancel", id)).Succeeded();
        Outcome outcome = await RunAsync("batch", "watch", id);
        Assert.Equal(1, outcome.ExitCode);
        Assert.Matches($@"(?m)^{id}\s+cancelled\s*$", outcome.Output);
        Assert.StartsWith($"gemma2: Batch {id} was cancelled", outcome.Error.TrimEnd().Split('\n')[^1]);
    }

    [Fact]
    public async Task BatchSubmit_AtATerminal_ShowsABarAndHowFarItIs()
    {
        using var folder = new TemporaryFolder();
        string requests = folder.Write("requests.jsonl", string.Concat(Enumerable.Range(0, 40).Select(i => Line(Questions[i % 3], i))));
        Outcome outcome = await RunInShellAsync($"exec script -qec \"$GEMMA2 batch submit {requests} --wait\" /dev/null");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("40 of 40 done", outcome.Output);
        Assert.Contains("time left unknown", outcome.Output);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static string Line(string question, int number) =>
        $$$"""{"custom_id":"line-{{{number}}}","method":"POST","url":"/v1/chat/completions","body":{"model":"nano","messages":[{"role":"user","content":"{{{question}}}"}],"temperature":0,"max_tokens":24}}""" + "\n";

    private static JsonElement[] Lines(string text) => [.. text.Split('\n')[..^1].Select(line => JsonElement.Parse(line))];

    private async Task<Outcome> RunAsync(params string[] arguments) => await Gemma2Program.RunAsync(arguments, "", ("AzureWebJobsStorage", _service.ConnectionString));

    private Task<Outcome> RunInShellAsync(string line) => Gemma2Program.RunInShellAsync(line, ("AzureWebJobsStorage", _service.ConnectionString));
}
