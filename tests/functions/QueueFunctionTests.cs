using System.Net;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Functions.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests;

/// <summary>The app as the custom handler of a Functions host: the host's own requests, results in a real Azurite.</summary>
public sealed class QueueFunctionTests(AzuriteFixture azurite)
{
    private const string Chat = """{"messages":[{"role":"user","content":"Hi"}]}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Invoke_Job_StoresTheResultAndAnswersAsTheHostNeedsIt()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await StartAsync(account, engine);

        using HttpResponseMessage response = await InvokeAsync(app, Message("job-1", Chat));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal("""{"Outputs":{},"Logs":[],"ReturnValue":null}""", await response.Content.ReadAsStringAsync(Cancellation));
        JsonElement result = (await account.TryReadResultAsync("job-1"))!.Value;
        Assert.Equal(["id", "status", "model", "seed", "created", "started", "finished", "timings", "response"], result.EnumerateObject().Select(field => field.Name));
        Assert.Equal(("job-1", "succeeded", ScriptedEngine.Name), (Text(result, "id"), Text(result, "status"), Text(result, "model")));
        Assert.Equal(engine.LastRequest!.Sampling.Seed, result.GetProperty("seed").GetUInt64());
        JsonElement answer = result.GetProperty("response");
        Assert.Equal(("chat.completion", "chatcmpl-job-1"), (Text(answer, "object"), Text(answer, "id")));
        Assert.Equal(engine.Answer, answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
    }

    [Fact]
    public async Task Invoke_LongJob_IsReadFromItsBlob()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await StartAsync(account, engine);
        await account.SubmitAsync("long", $$"""{"prompt":"Hi","user":"{{new string('x', 60_000)}}"}""");
        QueueLease lease = (await account.Messages.ReceiveAsync(1, TimeSpan.FromMinutes(1), Cancellation)).Single();
        Assert.Contains("requestBlob", lease.ReadText(), StringComparison.Ordinal);

        using HttpResponseMessage response = await InvokeAsync(app, lease.ReadText());

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("succeeded", Text((await account.TryReadResultAsync("long"))!.Value, "status"));
    }

    [Fact]
    public async Task Invoke_SameMessageTwiceAtOnce_GivesOneResult()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        var both = new Barrier(2);
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeEnd = token => Task.Run(() => both.SignalAndWait(token), token) };
        await using TestApp app = await StartAsync(account, engine);

        HttpResponseMessage[] responses = await Task.WhenAll(InvokeAsync(app, Message("twin", Chat)), InvokeAsync(app, Message("twin", Chat)));

        Assert.All(responses, response => Assert.Equal(HttpStatusCode.OK, response.StatusCode));
        Assert.Equal((2, 1), (engine.Generations, await account.CountResultsAsync()));
    }

    [Fact]
    public async Task Invoke_DeliveredAgain_DoesNotComputeAgain()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await StartAsync(account, engine);

        using HttpResponseMessage first = await InvokeAsync(app, Message("again", Chat));
        using HttpResponseMessage second = await InvokeAsync(app, Message("again", Chat), dequeueCount: 2);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (first.StatusCode, second.StatusCode));
        Assert.Equal(1, engine.Generations);
    }

    [Fact]
    public async Task Invoke_SameJobInTwoApps_GivesTheSameAnswerAndSeed()
    {
        JsonElement[] results = new JsonElement[2];
        for (int i = 0; i < results.Length; i++)
        {
            StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
            await using TestApp app = await StartAsync(account, new ScriptedEngine(Vocabulary.Tokenizer));
            using HttpResponseMessage response = await InvokeAsync(app, Message("same", Chat));
            results[i] = (await account.TryReadResultAsync("same"))!.Value;
        }

        Assert.Equal(results[0].GetProperty("seed").GetInt64(), results[1].GetProperty("seed").GetInt64());
        Assert.Equal(results[0].GetProperty("response").GetRawText(), results[1].GetProperty("response").GetRawText());
    }

    [Theory]
    [InlineData("""{"messages":[]}""", "messages", null)]
    [InlineData("""{"prompt":"Hi","max_tokens":-1}""", "max_tokens", null)]
    [InlineData("""{"prompt":"Hi","max_tokens":100000}""", "prompt", "context_length_exceeded")]
    [InlineData("""{"model":"other","prompt":"Hi"}""", "model", "model_not_found")]
    [InlineData("""{"prompt":"Hi","unknown":1}""", "unknown", null)]
    public async Task Invoke_BadRequest_IsAFailedResultAtOnce(string request, string parameter, string? code)
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await StartAsync(account, new ScriptedEngine(Vocabulary.Tokenizer));

        using HttpResponseMessage response = await InvokeAsync(app, Message("bad", request, model: null));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        JsonElement result = (await account.TryReadResultAsync("bad"))!.Value;
        Assert.Equal("failed", Text(result, "status"));
        Assert.Equal((parameter, code), (Text(result.GetProperty("error"), "param"), Text(result.GetProperty("error"), "code")));
    }

    [Fact]
    public async Task Invoke_SequenceFails_IsAFailedResult()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeEnd = _ => throw new GenerationException("The logits are not finite.") };
        await using TestApp app = await StartAsync(account, engine);

        using HttpResponseMessage response = await InvokeAsync(app, Message("nan", Chat));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        JsonElement result = (await account.TryReadResultAsync("nan"))!.Value;
        Assert.Equal("generation_failed", Text(result.GetProperty("error"), "code"));
    }

    [Theory]
    [InlineData("no JSON")]
    [InlineData("{}")]
    [InlineData("""{"id":"../x","request":{}}""")]
    public async Task Invoke_MalformedMessage_IsRefusedSoThatItEndsInPoison(string message)
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await StartAsync(account, new ScriptedEngine(Vocabulary.Tokenizer));

        using HttpResponseMessage response = await InvokeAsync(app, message);

        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        Assert.Equal(0, await account.CountResultsAsync());
    }

    [Fact]
    public async Task Invoke_RequestThatIsNotStored_IsAFailedResultAtOnce()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await StartAsync(account, new ScriptedEngine(Vocabulary.Tokenizer));

        using HttpResponseMessage response = await InvokeAsync(app, """{"id":"gone","requestBlob":"requests/gone.json"}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("failed", Text((await account.TryReadResultAsync("gone"))!.Value, "status"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("""{"Data":{"other":"x"},"Metadata":{}}""")]
    [InlineData("""{"Data":{"msg":"\"x"},"Metadata":{}}""")]
    public async Task Invoke_NotTheHostsRequest_IsRefused(string body)
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await StartAsync(account, new ScriptedEngine(Vocabulary.Tokenizer));

        using HttpResponseMessage response = await app.PostAsync("/CompletionRequest", body);

        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
    }

    [Fact]
    public async Task Invoke_PassedOnForAClient_IsNotFound()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await StartAsync(account, new ScriptedEngine(Vocabulary.Tokenizer));
        app.Client.DefaultRequestHeaders.Add("X-Forwarded-For", "127.0.0.1");

        using HttpResponseMessage response = await InvokeAsync(app, Message("outside", Chat));

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal(0, await account.CountResultsAsync());
    }

    [Fact]
    public async Task Start_AsCustomHandler_ListensOnTheHostsLoopbackPortOnly()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await StartAsync(account, new ScriptedEngine(Vocabulary.Tokenizer));
        Assert.Equal("127.0.0.1", app.Client.BaseAddress!.Host);
    }

    private static Task<TestApp> StartAsync(StorageAccount account, ScriptedEngine engine) =>
        TestApp.StartAsync(engine, account.Setting, $"{TestApp.CustomHandlerPort}={TestApp.FreePort()}");

    private static string Message(string id, string request, string? model = ScriptedEngine.Name) =>
        System.Text.Encoding.UTF8.GetString(Job(id, request, model).ToJson());

    private static JobMessage Job(string id, string request, string? model)
    {
        var key = new OwnedId(null, id);
        return new JobMessage(key, new CompletionJob(key, model, JsonElement.Parse(request)));
    }

    /// <summary>Invokes the function as the host does: with a chunked body.</summary>
    private static Task<HttpResponseMessage> InvokeAsync(TestApp app, string message, int dequeueCount = 1)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/CompletionRequest")
        {
            Content = new StringContent(HostInvocationTests.Invocation(message, dequeueCount), System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.TransferEncodingChunked = true;
        return app.Client.SendAsync(request, Cancellation);
    }

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();
}
