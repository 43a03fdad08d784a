using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Gemma2.Golden;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

/// <summary><c>gemma2 batch</c> against a real Azurite, where no service works on what it stores.</summary>
public sealed class BatchTests(AzuriteFixture azurite) : StorageTest(azurite)
{
    private const string Line =
        """{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"nano","messages":[{"role":"user","content":"Hi"}]}}""" + "\n";

    [Fact]
    public async Task Submit_File_StoresItAndItsBatch()
    {
        using var folder = new TemporaryFolder();
        string id = await SubmitAsync(folder, "--metadata", "team=red", "--metadata", "note=a=b", "--window", "48h", "--endpoint", "/v1/completions");
        BatchRecord batch = (await Batches.TryReadAsync(new OwnedId(null, id), Cancellation))!;
        Assert.Equal(BatchStatus.Validating, batch.Status);
        Assert.Equal("/v1/completions", batch.Endpoint);
        Assert.Equal("48h", batch.CompletionWindow);
        Assert.Equal(new Dictionary<string, string> { ["team"] = "red", ["note"] = "a=b" }, batch.Metadata);
        StoredFile file = (await Files.TryGetAsync(new OwnedId(null, batch.InputFileId), Cancellation))!;
        Assert.Equal(("requests.jsonl", "batch", (long)Line.Length), (file.Name, file.Purpose, file.Bytes));
        await using Stream content = (await Files.TryOpenReadAsync(file.Key, 0, null, Cancellation))!;
        Assert.Equal(Line, await new StreamReader(content).ReadToEndAsync(Cancellation));
    }

    [Fact]
    public async Task Submit_ForAnOwner_IsTheOwnersAlone()
    {
        using var folder = new TemporaryFolder();
        string id = await SubmitAsync(folder, "--owner", "red");
        Assert.NotNull(await Batches.TryReadAsync(new OwnedId("red", id), Cancellation));
        (await RunAsync("batch", "cancel", id)).Failed(1, id, "no batch");
        (await RunAsync("batch", "cancel", id, "--owner", "blue")).Failed(1, id, "no batch");
        Assert.Equal($"{id}: cancelling\n", (await RunAsync("batch", "cancel", id, "--owner", "red")).Succeeded());
    }

    [Fact]
    public async Task Submit_Json_IsOpenAisBatchObject()
    {
        using var folder = new TemporaryFolder();
        JsonElement batch = JsonElement.Parse((await RunAsync("batch", "submit", folder.Write("requests.jsonl", Line), "--json")).Succeeded());
        Assert.Equal("batch", batch.Text("object"));
        Assert.Equal("validating", batch.Text("status"));
        Assert.Equal(0, batch.GetProperty("request_counts").GetProperty("total").GetInt64());
        Assert.Equal(TimeSpan.FromHours(24).TotalSeconds, batch.GetProperty("expires_at").GetInt64() - batch.GetProperty("created_at").GetInt64());
        Assert.Equal(JsonValueKind.Null, batch.GetProperty("output_file_id").ValueKind);
    }

    [Theory]
    [InlineData("--window", "8d", "168h")]
    [InlineData("--window", "500h", "168h")]
    [InlineData("--metadata", "a=LONG", "512")]
    public async Task Submit_WhatABatchCannotHave_FailsBeforeStorageIsAsked(string option, string value, string mention)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("requests.jsonl", Line), longer = value.Replace("LONG", new string('x', 513), StringComparison.Ordinal);
        (await Gemma2Program.RunAsync(["batch", "submit", path, option, longer], "", ("AzureWebJobsStorage", null))).Failed(1, mention);
    }

    [Fact]
    public async Task Submit_FileThatCannotBeABatch_FailsBeforeStorageIsAsked()
    {
        using var folder = new TemporaryFolder();
        await using (FileStream large = File.Create(folder.File("large"))) large.SetLength(FileStore.MaxBytes + 1);
        foreach ((string path, string mention) in ((string, string)[])[
            (folder.Write("empty", ""), "is empty"), (folder.File("large"), "allowed are 200 MiB"), (folder.Path, "is a folder"), (folder.File("absent"), "absent")])
            (await Gemma2Program.RunAsync(["batch", "submit", path], "", ("AzureWebJobsStorage", null))).Failed(1, mention);
    }

    [Fact]
    public async Task List_Batches_IsNewestFirstAndGoesOn()
    {
        using var folder = new TemporaryFolder();
        string first = await SubmitAsync(folder), second = await SubmitAsync(folder), third = await SubmitAsync(folder);
        await SubmitAsync(folder, "--owner", "red");
        JsonElement page = JsonElement.Parse((await RunAsync("batch", "list", "--limit", "2", "--json")).Succeeded());
        Assert.Equal([third, second], Ids(page));
        Assert.True(page.GetProperty("has_more").GetBoolean());
        JsonElement rest = JsonElement.Parse((await RunAsync("batch", "list", "--after", second, "--json")).Succeeded());
        Assert.Equal([first], Ids(rest));
        Assert.False(rest.GetProperty("has_more").GetBoolean());

        Outcome table = await RunAsync("batch", "list", "--limit", "2");
        Assert.Contains(third, table.Succeeded());
        Assert.DoesNotContain(first, table.Output);
        Assert.Contains($"--after {second}", table.Error);
    }

    [Fact]
    public async Task List_NewAccount_IsEmpty() => Assert.Empty(Ids(JsonElement.Parse((await RunAsync("batch", "list", "--json")).Succeeded())));

    [Theory]
    [InlineData("watch")]
    [InlineData("cancel")]
    [InlineData("fetch")]
    [InlineData("show")]
    [InlineData("results")]
    [InlineData("retry")]
    public async Task Run_BatchThatIsNotThere_FailsAndNamesIt(string command) => (await RunAsync("batch", command, "batch_0")).Failed(1, "no batch batch_0");

    [Fact]
    public async Task Submit_WithAllThatABatchCanHave_IsShown()
    {
        using var folder = new TemporaryFolder();
        string id = await SubmitAsync(folder, "--window", "2d", "--endpoint", "/completions", "--callback", "https://hooks.example.com/x?secret=1", "--output-expires", "3600");
        BatchRecord batch = (await Batches.TryReadAsync(new OwnedId(null, id), Cancellation))!;
        Assert.Equal((TimeSpan.FromHours(1), new Uri("https://hooks.example.com/x?secret=1"), "/completions"), (batch.OutputLifetime, batch.CallbackUrl, batch.Endpoint));
        string shown = (await RunAsync("batch", "show", id)).Succeeded();
        Assert.Matches("due  *20.*Z, in (2 d|1 d 23 h)", shown);
        Assert.Contains("hooks.example.com: told when it has ended", shown);
        Assert.DoesNotContain("secret", shown);
    }

    [Fact]
    public async Task Show_BatchWithAPrice_TellsPaceAndCost()
    {
        using var folder = new TemporaryFolder();
        string id = await SubmitAsync(folder);
        var key = new OwnedId(null, id);
        var work = new BatchWork(Connection, TimeSpan.FromMinutes(1), new BatchTerms(BatchPrice.TryParse("2/4 EUR")));
        await work.BeginAsync(key, new BatchPlan(2, [new BatchChunk(0, 0, Line.Length, 1, 2, [])], []), Cancellation);
        (ChunkClaim? claim, _) = await work.Chunks.TryClaimAsync(key, 0, Cancellation);
        await claim!.AppendAsync([new ChunkLine(1, true, 500_000, 250_000, "{\"id\":1}"u8.ToArray())], Cancellation);

        string shown = (await RunAsync("batch", "show", id)).Succeeded();

        Assert.Contains("2 EUR: 1 in, 1 new", shown);
        Assert.Contains("1 of 2 done", shown);
        Assert.Contains("new tokens/s, about", shown);
        JsonElement cost = JsonElement.Parse((await RunAsync("batch", "show", id, "--json")).Succeeded()).GetProperty("cost");
        Assert.Equal((2m, "EUR"), (cost.GetProperty("total").GetDecimal(), cost.GetProperty("currency").GetString()));
    }

    [Fact]
    public async Task Results_BatchThatRuns_AreThoseThatAreDone()
    {
        using var folder = new TemporaryFolder();
        string id = await SubmitAsync(folder);
        var key = new OwnedId(null, id);
        var work = new BatchWork(Connection, TimeSpan.FromMinutes(1));
        Assert.Empty((await RunAsync("batch", "results", id)).Succeeded());
        var plan = new BatchPlan(2, [new BatchChunk(0, 0, Line.Length, 1, 2, [])], []);
        await work.WritePlanOnceAsync(key, plan, Cancellation);
        await work.BeginAsync(key, plan, Cancellation);
        (ChunkClaim? claim, _) = await work.Chunks.TryClaimAsync(key, 0, Cancellation);
        await claim!.AppendAsync([Result(2, true)], Cancellation);

        Outcome first = await RunAsync("batch", "results", id);
        Assert.Equal(TextOf(2) + "\n", first.Succeeded());
        Assert.Contains($"gemma2 batch results {id} --after 0,2", first.Error);

        await claim.AppendAsync([Result(1, false)], Cancellation);
        await work.Chunks.WriteResultsAsync(key, 0, claim.Lines, Cancellation);
        Assert.True(await work.TryFinishAsync(key, Cancellation));
        Outcome rest = await RunAsync("batch", "results", id, "--after", "0,2", "--follow");
        Assert.Equal(TextOf(1) + "\n", rest.Succeeded());
        Assert.DoesNotContain("--after", rest.Error);

        string retry = (await RunAsync("batch", "retry", id)).Succeeded().Trim();
        Assert.Equal(retry, (await RunAsync("batch", "retry", id)).Succeeded().Trim());
        Assert.Equal(id, (await Batches.TryReadAsync(new OwnedId(null, retry), Cancellation))!.Metadata!["retry_of"]);

        ChunkLine Result(int line, bool ok) => new(line, ok, 1, 1, Encoding.UTF8.GetBytes(TextOf(line)));

        string TextOf(int line) => $$$"""{"id":"batch_req_{{{BatchLineId.Of(key, line)}}}","line":{{{line}}}}""";
    }

    [Theory]
    [InlineData("--url", "ftp://x", "http and https")]
    [InlineData("--url", "http://127.0.0.1:1", "gives no answer")]
    public async Task Estimate_NoService_SaysSo(string option, string value, string mention)
    {
        using var folder = new TemporaryFolder();
        Outcome outcome = await Gemma2Program.RunAsync("batch", "estimate", folder.Write("requests.jsonl", Line), option, value);
        Assert.NotEqual(0, outcome.ExitCode);
        Assert.Contains(mention, outcome.Error);
    }

    [Fact]
    public async Task Fetch_BatchThatHasNotEnded_FailsAndSaysHowFarItIs()
    {
        using var folder = new TemporaryFolder();
        string id = await SubmitAsync(folder, "--owner", "red");
        (await RunAsync("batch", "fetch", id, "--owner", "red", "--output", folder.File("out"))).Failed(1, id, "has not ended: validating", $"gemma2 batch watch {id} --owner red");
        Assert.DoesNotContain("out", folder.Files);
    }

    [Theory]
    [InlineData]
    [InlineData("--json")]
    public async Task Watch_Interrupted_LeavesTheBatchAndSaysSo(params string[] options)
    {
        using var folder = new TemporaryFolder();
        string id = await SubmitAsync(folder);
        using Process process = Start(["batch", "watch", id, .. options]);
        Assert.Equal($"{id}: validating", await process.StandardError.ReadLineAsync(Cancellation));
        Outcome outcome = await InterruptAsync(process);
        outcome.Failed(130, "interrupted", $"gemma2 batch watch {id}");
        Assert.Equal(BatchStatus.Validating, (await Batches.TryReadAsync(new OwnedId(null, id), Cancellation))!.Status);
    }

    private BatchStore Batches => new(Connection);

    private FileStore Files => new(Connection);

    private async Task<string> SubmitAsync(TemporaryFolder folder, params string[] options) =>
        (await RunAsync(["batch", "submit", folder.Write("requests.jsonl", Line), .. options])).Succeeded().Trim();

    private static IEnumerable<string?> Ids(JsonElement page) => page.GetProperty("batches").EnumerateArray().Select(batch => batch.GetProperty("id").GetString());
}
