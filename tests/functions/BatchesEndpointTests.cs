using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;
using Gemma2.Testing;
using OpenAI.Batch;
using OpenAI.Files;

namespace Gemma2.Functions.Tests;

/// <summary>The official OpenAI client makes, watches and cancels batches, and fetches what they made.</summary>
public sealed class BatchesEndpointTests(AzuriteFixture azurite)
{
    private const string Endpoint = "/v1/chat/completions";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Create_OfficialClient_GivesOutputAndErrorFiles()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await StartAsync(engine);
        OpenAIFileClient files = app.OpenAIClient().GetOpenAIFileClient();
        string[] lines = [Line("a"), Line("b"), """{"custom_id":"c","method":"POST","url":"/v1/chat/completions","body":{"model":"scripted"}}""", "not json", Line("e")];
        string input = await UploadAsync(files, lines);

        CreateBatchOperation operation = await app.OpenAIClient().GetBatchClient().CreateBatchAsync(NewBatch(input, new { team = "blue" }), false, Options);
        await operation.WaitForCompletionAsync(Cancellation);

        JsonElement batch = JsonElement.Parse((await operation.GetBatchAsync(Options)).GetRawResponse().Content);
        Assert.Equal("completed", batch.GetProperty("status").GetString());
        Assert.Equal("""{"total":5,"completed":3,"failed":2}""", batch.GetProperty("request_counts").GetRawText());
        Assert.Equal("""{"team":"blue"}""", batch.GetProperty("metadata").GetRawText());
        Assert.Equal((input, Endpoint, "24h"), (Text(batch, "input_file_id"), Text(batch, "endpoint"), Text(batch, "completion_window")));
        Assert.Equal(batch.GetProperty("created_at").GetInt64() + (24 * 3600), batch.GetProperty("expires_at").GetInt64());
        JsonElement usage = batch.GetProperty("usage");
        Assert.Equal(3 * (Vocabulary.Tokenizer.Encode(engine.Answer).Length + 1), usage.GetProperty("output_tokens").GetInt32());
        Assert.Equal(usage.GetProperty("total_tokens").GetInt32(), usage.GetProperty("input_tokens").GetInt32() + usage.GetProperty("output_tokens").GetInt32());

        JsonElement[] output = await DownloadAsync(files, Text(batch, "output_file_id")!);
        Assert.Equal(["a", "b", "e"], output.Select(line => Text(line, "custom_id")));
        Assert.All(output, line => Assert.Equal(
            engine.Answer, line.GetProperty("response").GetProperty("body").GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()));
        Assert.Equal(2, (await DownloadAsync(files, Text(batch, "error_file_id")!)).Length);
        OpenAIFile made = await files.GetFileAsync(Text(batch, "output_file_id"), Cancellation);
        Assert.Equal(FilePurpose.BatchOutput, made.Purpose);
        Assert.Equal(2, (await files.GetFilesAsync(FilePurpose.BatchOutput, Cancellation)).Value.Count);
    }

    [Fact]
    public async Task Create_AzuresSpellingOfTheEndpoint_IsTheSameEndpoint()
    {
        await using TestApp app = await StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        OpenAIFileClient files = app.OpenAIClient().GetOpenAIFileClient();
        string[] lines = [Line("a").Replace("/v1/chat", "/chat", StringComparison.Ordinal), Line("b"), Line("c").Replace("/v1/chat/", "/", StringComparison.Ordinal)];
        string input = await UploadAsync(files, lines);

        JsonElement batch = await RunAsync(app, $$"""{"input_file_id":"{{input}}","endpoint":"/chat/completions","completion_window":"2d"}""");

        Assert.Equal(("/chat/completions", "2d"), (Text(batch, "endpoint"), Text(batch, "completion_window")));
        Assert.Equal(batch.GetProperty("created_at").GetInt64() + (48 * 3600), batch.GetProperty("expires_at").GetInt64());
        Assert.Equal(["a", "b"], (await DownloadAsync(files, Text(batch, "output_file_id")!)).Select(line => Text(line, "custom_id")));
        JsonElement error = (await DownloadAsync(files, Text(batch, "error_file_id")!)).Single().GetProperty("error");
        Assert.Equal("url must be the batch's endpoint, /chat/completions.", Text(error, "message"));
    }

    [Fact]
    public async Task Create_WithAnOutputLifetime_GivesFilesThatExpire()
    {
        await using TestApp app = await StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        string input = await UploadAsync(app.OpenAIClient().GetOpenAIFileClient(), [Line("a"), "bad"]);

        JsonElement batch = await RunAsync(
            app, $$$"""{"input_file_id":"{{{input}}}","endpoint":"/v1/chat/completions","completion_window":"24h","output_expires_after":{"anchor":"created_at","seconds":7200}}""");

        foreach (string name in new[] { "output_file_id", "error_file_id" })
        {
            JsonElement file = JsonElement.Parse(await app.Client.GetStringAsync($"/v1/files/{Text(batch, name)}", Cancellation));
            Assert.Equal(file.GetProperty("created_at").GetInt64() + 7200, file.GetProperty("expires_at").GetInt64());
        }
    }

    [Fact]
    public async Task Create_Batch_HasOpenAIsShape()
    {
        await using TestApp app = await StartAsync(Held());
        string input = await UploadAsync(app.OpenAIClient().GetOpenAIFileClient(), [Line("a")]);

        CreateBatchOperation operation = await app.OpenAIClient().GetBatchClient().CreateBatchAsync(NewBatch(input), false, Options);

        JsonElement batch = JsonElement.Parse(operation.GetRawResponse().Content);
        Assert.Equal(
            [
                "id", "object", "endpoint", "errors", "input_file_id", "completion_window", "status", "output_file_id", "error_file_id", "created_at", "in_progress_at",
                "expires_at", "finalizing_at", "completed_at", "failed_at", "expired_at", "cancelling_at", "cancelled_at", "request_counts", "usage", "cost", "metadata",
            ],
            batch.EnumerateObject().Select(field => field.Name));
        Assert.Equal(("batch", "validating"), (Text(batch, "object"), Text(batch, "status")));
        Assert.Equal(operation.BatchId, Text(batch, "id"));
        string[] unknown = ["errors", "output_file_id", "error_file_id", "in_progress_at", "completed_at", "failed_at", "cancelled_at", "metadata"];
        Assert.All(unknown, field => Assert.Equal(JsonValueKind.Null, batch.GetProperty(field).ValueKind));
        Assert.Equal(
            """{"input_tokens":0,"input_tokens_details":{"cached_tokens":0},"output_tokens":0,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":0}""",
            batch.GetProperty("usage").GetRawText());
    }

    [Fact]
    public async Task Create_NoGoodLine_FailsWithErrors()
    {
        await using TestApp app = await StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        string input = await UploadAsync(app.OpenAIClient().GetOpenAIFileClient(), ["nonsense", "{}"]);

        CreateBatchOperation operation = await app.OpenAIClient().GetBatchClient().CreateBatchAsync(NewBatch(input), false, Options);
        await operation.WaitForCompletionAsync(Cancellation);

        JsonElement batch = JsonElement.Parse((await operation.GetBatchAsync(Options)).GetRawResponse().Content);
        Assert.Equal("failed", Text(batch, "status"));
        Assert.NotEqual(JsonValueKind.Null, batch.GetProperty("failed_at").ValueKind);
        JsonElement errors = batch.GetProperty("errors");
        Assert.Equal("list", Text(errors, "object"));
        Assert.All(errors.GetProperty("data").EnumerateArray(), error =>
            Assert.Equal(["code", "message", "param", "line"], error.EnumerateObject().Select(field => field.Name)));
        Assert.Contains(2, errors.GetProperty("data").EnumerateArray().Where(error => error.GetProperty("line").ValueKind == JsonValueKind.Number)
            .Select(error => error.GetProperty("line").GetInt32()));
    }

    [Fact]
    public async Task Cancel_WhileItRuns_EndsCancelled()
    {
        await using TestApp app = await StartAsync(Held());
        string input = await UploadAsync(app.OpenAIClient().GetOpenAIFileClient(), [Line("a"), Line("b")]);
        CreateBatchOperation operation = await app.OpenAIClient().GetBatchClient().CreateBatchAsync(NewBatch(input), false, Options);

        JsonElement cancelled = JsonElement.Parse((await operation.CancelAsync(Options)).GetRawResponse().Content);
        Assert.Contains(Text(cancelled, "status"), (string[])["cancelling", "cancelled"]);
        await operation.WaitForCompletionAsync(Cancellation);

        JsonElement batch = JsonElement.Parse((await operation.GetBatchAsync(Options)).GetRawResponse().Content);
        Assert.Equal("cancelled", Text(batch, "status"));
        Assert.NotEqual(JsonValueKind.Null, batch.GetProperty("cancelling_at").ValueKind);
        Assert.NotEqual(JsonValueKind.Null, batch.GetProperty("cancelled_at").ValueKind);
    }

    [Fact]
    public async Task Cancel_BatchThatHasEnded_IsRefused()
    {
        await using TestApp app = await StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        string input = await UploadAsync(app.OpenAIClient().GetOpenAIFileClient(), [Line("a")]);
        CreateBatchOperation operation = await app.OpenAIClient().GetBatchClient().CreateBatchAsync(NewBatch(input), false, Options);
        await operation.WaitForCompletionAsync(Cancellation);

        using HttpResponseMessage response = await app.Client.PostAsync($"/v1/batches/{operation.BatchId}/cancel", null, Cancellation);

        await ErrorShape.AssertAsync(response, 400, null, null);
    }

    [Fact]
    public async Task List_SeveralBatches_IsPagedNewestFirst()
    {
        await using TestApp app = await StartAsync(Held());
        string input = await UploadAsync(app.OpenAIClient().GetOpenAIFileClient(), [Line("a")]);
        BatchClient client = app.OpenAIClient().GetBatchClient();
        var ids = new List<string>();
        for (int i = 0; i < 3; i++)
        {
            ids.Insert(0, (await client.CreateBatchAsync(NewBatch(input), false, Options)).BatchId);
            // The next id is of a later millisecond.
            await Task.Delay(2, Cancellation);
        }

        await AssertListAsync(app, "", ids, false);
        await AssertListAsync(app, "?limit=2", ids[..2], true);
        await AssertListAsync(app, $"?limit=2&after={ids[1]}", ids[2..], false);
        await AssertListAsync(app, $"?after={ids[2]}", [], false);
    }

    [Fact]
    public async Task Get_AsEvents_SendsEachStateUntilItEnds()
    {
        var released = new TaskCompletionSource();
        await using TestApp app = await StartAsync(new ScriptedEngine(Vocabulary.Tokenizer) { BeforeAnswer = token => released.Task.WaitAsync(token) });
        string input = await UploadAsync(app.OpenAIClient().GetOpenAIFileClient(), [Line("a")]);
        string id = (await app.OpenAIClient().GetBatchClient().CreateBatchAsync(NewBatch(input), false, Options)).BatchId;
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/batches/{id}") { Headers = { { "Accept", "text/event-stream" } } };
        using HttpResponseMessage response = await app.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);

        var states = new List<string>();
        await foreach (SseItem<string> item in SseParser.Create(await response.Content.ReadAsStreamAsync(Cancellation)).EnumerateAsync(Cancellation))
        {
            states.Add(item.Data == "[DONE]" ? item.Data : Text(JsonElement.Parse(item.Data), "status")!);
            if (states[^1] == "in_progress")
                released.TrySetResult();
        }

        Assert.Equal(["completed", "[DONE]"], states[^2..]);
        Assert.Contains("in_progress", states);
    }

    [Theory]
    [InlineData("input_file_id", """{"endpoint":"/v1/chat/completions","completion_window":"24h"}""")]
    [InlineData("input_file_id", """{"input_file_id":5,"endpoint":"/v1/chat/completions","completion_window":"24h"}""")]
    [InlineData("input_file_id", """{"input_file_id":"file-none","endpoint":"/v1/chat/completions","completion_window":"24h"}""")]
    [InlineData("input_file_id", """{"input_file_id":"../../models/nano","endpoint":"/v1/chat/completions","completion_window":"24h"}""")]
    [InlineData("endpoint", """{"input_file_id":"INPUT","completion_window":"24h"}""")]
    [InlineData("endpoint", """{"input_file_id":"INPUT","endpoint":"/v1/embeddings","completion_window":"24h"}""")]
    [InlineData("completion_window", """{"input_file_id":"INPUT","endpoint":"/v1/chat/completions"}""")]
    [InlineData("completion_window", """{"input_file_id":"INPUT","endpoint":"/v1/chat/completions","completion_window":"1y"}""")]
    [InlineData("metadata", """{"input_file_id":"INPUT","endpoint":"/v1/chat/completions","completion_window":"24h","metadata":[]}""")]
    [InlineData("metadata.a", """{"input_file_id":"INPUT","endpoint":"/v1/chat/completions","completion_window":"24h","metadata":{"a":1}}""")]
    [InlineData("output_expires_after.seconds", """{"input_file_id":"INPUT","endpoint":"/v1/chat/completions","completion_window":"24h","output_expires_after":{"anchor":"created_at","seconds":5}}""")]
    [InlineData("output_expires_after.anchor", """{"input_file_id":"INPUT","endpoint":"/v1/chat/completions","completion_window":"24h","output_expires_after":{"seconds":3600}}""")]
    [InlineData("output_expires_after.days", """{"input_file_id":"INPUT","endpoint":"/v1/chat/completions","completion_window":"24h","output_expires_after":{"days":1}}""")]
    [InlineData("output_expires_after", """{"input_file_id":"INPUT","endpoint":"/v1/chat/completions","completion_window":"24h","output_expires_after":3600}""")]
    [InlineData("endpoint", """{"input_file_id":"INPUT","endpoint":"/chat/completions/","completion_window":"24h"}""")]
    [InlineData("completion_window", """{"input_file_id":"INPUT","endpoint":"/v1/chat/completions","completion_window":"8d"}""")]
    [InlineData("callback_url", """{"input_file_id":"INPUT","endpoint":"/v1/chat/completions","completion_window":"24h","callback_url":"https://hooks.example.com/"}""")]
    [InlineData("color", """{"input_file_id":"INPUT","endpoint":"/v1/chat/completions","completion_window":"24h","color":"blue"}""")]
    [InlineData(null, "[]")]
    [InlineData(null, "{")]
    public async Task Create_WrongBody_IsRefusedByName(string? parameter, string body)
    {
        await using TestApp app = await StartAsync(Held());
        string input = await UploadAsync(app.OpenAIClient().GetOpenAIFileClient(), [Line("a")]);

        using HttpResponseMessage response = await app.PostAsync("/v1/batches", body.Replace("INPUT", input, StringComparison.Ordinal));

        await ErrorShape.AssertAsync(response, 400, parameter, null);
        await AssertListAsync(app, "", [], false);
    }

    [Fact]
    public async Task Create_OutputOfAnotherBatch_IsNoInput()
    {
        await using TestApp app = await StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        BatchClient client = app.OpenAIClient().GetBatchClient();
        CreateBatchOperation operation = await client.CreateBatchAsync(NewBatch(await UploadAsync(app.OpenAIClient().GetOpenAIFileClient(), [Line("a")])), false, Options);
        await operation.WaitForCompletionAsync(Cancellation);
        string output = Text(JsonElement.Parse((await operation.GetBatchAsync(Options)).GetRawResponse().Content), "output_file_id")!;

        ClientResultException error = await Assert.ThrowsAsync<ClientResultException>(() => client.CreateBatchAsync(NewBatch(output), false, Options));

        Assert.Equal(400, error.Status);
    }

    /// <summary>Makes a batch and waits for its end.</summary>
    private static async Task<JsonElement> RunAsync(TestApp app, string order)
    {
        using HttpResponseMessage made = await app.PostAsync("/v1/batches", order);
        JsonElement batch = JsonElement.Parse(await made.Content.ReadAsStringAsync(Cancellation));
        while (Text(batch, "status") is "validating" or "in_progress" or "finalizing")
        {
            await Task.Delay(50, Cancellation);
            batch = JsonElement.Parse(await app.Client.GetStringAsync($"/v1/batches/{Text(batch, "id")}", Cancellation));
        }
        return batch;
    }

    private static RequestOptions Options => new() { CancellationToken = Cancellation };

    /// <summary>An engine that never answers.</summary>
    private static ScriptedEngine Held() => new(Vocabulary.Tokenizer) { BeforeAnswer = token => Task.Delay(Timeout.Infinite, token) };

    private async Task<TestApp> StartAsync(ScriptedEngine engine) =>
        await TestApp.StartAsync(engine, (await StorageAccount.CreateAsync(azurite.NewConnectionString())).Setting);

    private static string Line(string id) =>
        """{"custom_id":"ID","method":"POST","url":"/v1/chat/completions","body":{"model":"scripted","messages":[{"role":"user","content":"Hi"}],"max_tokens":20}}"""
            .Replace("ID", id, StringComparison.Ordinal);

    private static async Task<string> UploadAsync(OpenAIFileClient files, string[] lines) => (await files.UploadFileAsync(
        new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', lines))), "input.jsonl", FileUploadPurpose.Batch, Cancellation)).Value.Id;

    private static BinaryContent NewBatch(string input, object? metadata = null) => BinaryContent.Create(BinaryData.FromObjectAsJson(
        new { input_file_id = input, endpoint = Endpoint, completion_window = "24h", metadata }));

    private static async Task<JsonElement[]> DownloadAsync(OpenAIFileClient files, string id) =>
        [.. (await files.DownloadFileAsync(id, Cancellation)).Value.ToString().TrimEnd('\n').Split('\n').Select(line => JsonElement.Parse(line))];

    private static string? Text(JsonElement json, string name) => json.GetProperty(name).GetString();

    private static async Task AssertListAsync(TestApp app, string query, IEnumerable<string> ids, bool hasMore)
    {
        JsonElement list = JsonElement.Parse(await app.Client.GetStringAsync("/v1/batches" + query, Cancellation));
        Assert.Equal("list", Text(list, "object"));
        Assert.Equal(ids, list.GetProperty("data").EnumerateArray().Select(batch => Text(batch, "id")));
        Assert.Equal((ids.FirstOrDefault(), ids.LastOrDefault()), (Text(list, "first_id"), Text(list, "last_id")));
        Assert.Equal(hasMore, list.GetProperty("has_more").GetBoolean());
    }
}
