using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Azure.Storage.Blobs;
using Azure.Storage.Queues;
using Gemma2.Golden;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

/// <summary><c>gemma2 submit</c> against a real Azurite, where no service works on what it queues.</summary>
public sealed class SubmitTests(AzuriteFixture azurite) : StorageTest(azurite)
{
    [Fact]
    public async Task Submit_Chat_QueuesOpenAiRequest()
    {
        string id = (await RunAsync("submit", "--model", "nano", "--chat", "How are you?", "--max-tokens", "7", "--temperature", "0", "--seed", "5")).Succeeded().Trim();
        using JsonDocument message = await ReceiveAsync();
        Assert.Equal(id, message.RootElement.GetProperty("id").GetString());
        Assert.Equal("nano", message.RootElement.GetProperty("model").GetString());
        JsonElement request = message.RootElement.GetProperty("request");
        Assert.Equal(
            """{"model":"nano","messages":[{"role":"user","content":"How are you?"}],"max_tokens":7,"temperature":0,"seed":5}""", request.GetRawText());
    }

    [Fact]
    public async Task Submit_PromptWithId_UsesThatId()
    {
        Assert.Equal("mine", (await RunAsync("submit", "--model", "nano", "--prompt", "Once", "--id", "mine")).Succeeded().Trim());
        using JsonDocument message = await ReceiveAsync();
        Assert.Equal("mine", message.RootElement.GetProperty("id").GetString());
        Assert.Equal("""{"model":"nano","prompt":"Once"}""", message.RootElement.GetProperty("request").GetRawText());
    }

    [Theory]
    [InlineData("""{"choices":[{"index":0,"message":{"role":"assistant","content":"Fine."}}]}""")]
    [InlineData("""{"choices":[{"index":0,"text":"Fine."}]}""")]
    public async Task Submit_Wait_PrintsTheAnswerAlone(string response)
    {
        await WriteResultAsync("done", $$"""{"id":"done","status":"succeeded","response":{{response}}}""");
        Assert.Equal("Fine.\n", (await RunAsync("submit", "--model", "nano", "--prompt", "How?", "--id", "done", "--wait")).Succeeded());
    }

    [Fact]
    public async Task Submit_WaitJson_IsOneDocumentWithTheResult()
    {
        await WriteResultAsync("done", """{"id":"done","status":"succeeded","response":{"choices":[{"text":"Fine."}]}}""");
        string output = (await RunAsync("submit", "--model", "nano", "--prompt", "How?", "--id", "done", "--wait", "--json")).Succeeded();
        using JsonDocument document = JsonDocument.Parse(output);
        Assert.Equal("done", document.RootElement.GetProperty("id").GetString());
        Assert.Equal("succeeded", document.RootElement.GetProperty("result").GetProperty("status").GetString());
    }

    [Theory]
    [InlineData("""{"id":"bad","status":"failed","error":{"message":"No such\nmodel."}}""", "No such model.")]
    [InlineData("""{"status":"succeeded"}""", "neither")]
    [InlineData("""{"status":"succeeded","response":{"choices":[]}}""", "neither")]
    [InlineData("""{"status":"succeeded","response":{"choices":3},"error":null}""", "neither")]
    [InlineData("""{"id":"bad"}""", "is not a job's result")]
    [InlineData("""[1]""", "is not a job's result")]
    [InlineData("nonsense", "is not a job's result")]
    public async Task Submit_WaitForFailedJob_FailsAndSaysWhy(string result, string mention)
    {
        await WriteResultAsync("bad", result);
        (await RunAsync("submit", "--model", "nano", "--prompt", "How?", "--id", "bad", "--wait")).Failed(1, "bad", mention);
    }

    [Fact]
    public async Task Submit_WaitJsonForFailedJob_PrintsTheResultAndFails()
    {
        await WriteResultAsync("bad", """{"id":"bad","status":"failed","error":{"message":"No such model."}}""");
        Outcome outcome = await RunAsync("submit", "--model", "nano", "--prompt", "How?", "--id", "bad", "--wait", "--json");
        Assert.Equal("failed", JsonElement.Parse(outcome.Output).GetProperty("result").Text("status"));
        (outcome with { Output = "" }).Failed(1, "No such model.");
    }

    [Fact]
    public async Task Submit_WaitTooLong_FailsAndSaysHowToLookAtIt()
    {
        (await RunAsync("submit", "--model", "nano", "--prompt", "How?", "--id", "late", "--wait", "--timeout", "1")).Failed(1, "late", "gemma2 jobs show late");
    }

    [Fact]
    public async Task Submit_SameIdOtherRequest_FailsAndSaysSo()
    {
        await SubmitAsync("mine");
        await SubmitAsync("mine");
        (await RunAsync("submit", "--model", "nano", "--prompt", "Why?", "--id", "mine")).Failed(1, "mine", "another request");
        await SubmitAsync("mine", "--owner", "red");
    }

    [Theory]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"Gr\u00fc\u00df\"}],\"max_tokens\":3}")]
    [InlineData("\uFEFF{\"prompt\":\"Once\",\"stop\":[\"\\n\"],\n \"n\":1}\n")]
    public async Task Submit_BodyFromFileOrStdin_IsTheRequest(string body)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("body.json", body);
        (await RunAsync("submit", "--file", path, "--id", "file", "--model", "nano")).Succeeded();
        (await Gemma2Program.RunAsync(["submit", "--file", "-", "--id", "stdin"], body, ("AzureWebJobsStorage", ConnectionString))).Succeeded();
        foreach (string id in (string[])["file", "stdin"])
            Assert.True(JsonElement.DeepEquals(JsonElement.Parse(body.TrimStart('\uFEFF')), (await ReadRequestAsync(id)).GetProperty("request")));
        Assert.Equal("nano", (await ReadRequestAsync("file")).Text("model"));
    }

    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("{", "not valid JSON")]
    [InlineData("{} {}", "not valid JSON")]
    [InlineData("{\"a\":1,\"a\":2}", "not valid JSON")]
    [InlineData("{\"prompt\":\"\\ud800\"}", "not valid Unicode")]
    [InlineData("{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", "not valid JSON")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("null", "not a JSON object")]
    public async Task Submit_FileThatIsNoBody_FailsAndNamesIt(string body, string mention)
    {
        using var folder = new TemporaryFolder();
        (await RunAsync("submit", "--file", folder.Write("body.json", body))).Failed(1, "body.json", mention);
    }

    [Fact]
    public async Task Submit_FileThatCannotBeRead_FailsAndNamesIt()
    {
        using var folder = new TemporaryFolder();
        (await RunAsync("submit", "--file", folder.File("absent.json"))).Failed(1, "absent.json");
        (await RunAsync("submit", "--file", folder.Path)).Failed(1, folder.Path);
        await using (FileStream large = File.Create(folder.File("large.json"))) large.SetLength(JobMessage.MaxBlobBytes + 1L);
        (await RunAsync("submit", "--file", folder.File("large.json"))).Failed(1, "large.json", "too long");
        (await RunAsync("submit", "--file", "/dev/zero")).Failed(1, "/dev/zero", "too long");
    }

    [Fact]
    public async Task Submit_Callback_IsPartOfTheJob()
    {
        await SubmitAsync("mine", "--callback", "https://example.com/done?x=1");
        Assert.Equal("https://example.com/done?x=1", (await ReadRequestAsync("mine")).Text("callbackUrl"));
    }

    [Fact]
    public async Task Submit_InterruptedWait_LeavesTheJobAndSaysSo()
    {
        using Process process = Start("submit", "--model", "nano", "--prompt", "How?", "--id", "mine", "--owner", "red", "--wait");
        while (!await IsQueuedAsync()) await Task.Delay(20, Cancellation);
        (await InterruptAsync(process)).Failed(130, "interrupted", "mine", "gemma2 jobs show mine --owner red");
        Assert.Equal(JobStatus.Queued, (await new JobStore(Connection).TryReadAsync(new OwnedId("red", "mine"), Cancellation))!.Status);
    }

    [Fact]
    public async Task Submit_WaitAtATerminal_ShowsHowFarTheJobIs()
    {
        Outcome outcome = await RunAtTerminalAsync("submit --model nano --prompt How? --id mine --wait --timeout 3");
        Assert.Contains("mine: queued, ", outcome.Output);
        Assert.Contains("has no result after 3 s", outcome.Output);
        Assert.Equal(1, outcome.ExitCode);
    }

    private async Task SubmitAsync(string id, params string[] options) =>
        Assert.Equal($"{id}\n", (await RunAsync(["submit", "--model", "nano", "--prompt", "How?", "--id", id, .. options])).Succeeded());

    private async Task WriteResultAsync(string id, string json)
    {
        var results = new BlobContainerClient(ConnectionString, StorageNames.Completions);
        await results.CreateIfNotExistsAsync(cancellationToken: Cancellation);
        await results.UploadBlobAsync($"{id}.json", new BinaryData(json), Cancellation);
    }

    private async Task<bool> IsQueuedAsync()
    {
        var queue = new QueueClient(ConnectionString, StorageNames.CompletionRequests);
        return await queue.ExistsAsync(Cancellation) && (await queue.PeekMessagesAsync(cancellationToken: Cancellation)).Value.Length > 0;
    }

    private async Task<JsonDocument> ReceiveAsync()
    {
        var queue = new QueueClient(ConnectionString, StorageNames.CompletionRequests, new QueueClientOptions { MessageEncoding = QueueMessageEncoding.Base64 });
        return JsonDocument.Parse((await queue.ReceiveMessageAsync(cancellationToken: Cancellation)).Value.Body.ToMemory());
    }

    private async Task<JsonElement> ReadRequestAsync(string id) => JsonElement.Parse(
        (await new BlobClient(ConnectionString, StorageNames.Requests, $"{id}.json").DownloadContentAsync(Cancellation)).Value.Content.ToMemory().Span);
}
