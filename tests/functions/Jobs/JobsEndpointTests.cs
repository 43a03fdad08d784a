using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using CsCheck;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Text;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Gemma2.Functions.Tests.Jobs;

/// <summary><c>/v1/jobs</c> as clients use it, on real Kestrel and a real Azurite.</summary>
public sealed class JobsEndpointTests(AzuriteFixture azurite)
{
    private const string Jobs = "/v1/jobs";
    private const string Chat = """{"model":"scripted","messages":[{"role":"user","content":"Hi"}]""";

    private static readonly string[] Fields = ["id", "object", "status", "model", "created_at", "started_at", "finished_at", "attempts", "result", "error"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Post_Job_IsAcceptedRunAndAnswered()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        var (_, app) = await StartAsync(engine);
        await using TestApp _1 = app;

        using HttpResponseMessage response = await app.PostAsync(Jobs, Chat + ",\"id\":\"mine\"}");

        Assert.Equal((HttpStatusCode.Accepted, "/v1/jobs/mine"), (response.StatusCode, response.Headers.Location!.OriginalString));
        JsonElement job = await ReadAsync(response);
        Assert.Equal(Fields, job.EnumerateObject().Select(field => field.Name));
        Assert.Equal(("mine", "job", "scripted"), (Text(job, "id"), Text(job, "object"), Text(job, "model")));
        job = await WaitAsync(app, "mine", "succeeded");
        Assert.Equal(engine.Answer, job.GetProperty("result").GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
        Assert.Equal((1, JsonValueKind.Null), (job.GetProperty("attempts").GetInt32(), job.GetProperty("error").ValueKind));
        Assert.InRange(job.GetProperty("finished_at").GetInt64(), job.GetProperty("created_at").GetInt64() - 1, long.MaxValue);
    }

    [Fact]
    public async Task Post_Completion_IsAJobToo()
    {
        var (_, app) = await StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        await using TestApp _1 = app;

        using HttpResponseMessage response = await app.PostAsync(Jobs, """{"model":"scripted","prompt":"Hi","id":null,"callback_url":null}""");

        string id = Text(await ReadAsync(response), "id")!;
        Assert.True(JobId.IsValid(id));
        Assert.Equal("text_completion", (await WaitAsync(app, id, "succeeded")).GetProperty("result").GetProperty("object").GetString());
    }

    [Fact]
    public async Task Post_SameIdTwice_IsTheSameJob()
    {
        var (account, app) = await StartQuietAsync();
        await using TestApp _1 = app;

        using HttpResponseMessage first = await app.PostAsync(Jobs, Chat + ",\"id\":\"mine\"}");
        using HttpResponseMessage second = await app.PostAsync(Jobs, "{\"id\":\"mine\", " + Chat[1..] + "}");
        using HttpResponseMessage other = await app.PostAsync(Jobs, Chat + ",\"id\":\"mine\",\"seed\":1}");

        Assert.Equal((HttpStatusCode.Accepted, HttpStatusCode.Accepted), (first.StatusCode, second.StatusCode));
        await ErrorShape.AssertAsync(other, 409, "id", "job_conflict");
        Assert.Equal(1, await account.CountAsync(StorageNames.CompletionRequests));
    }

    [Theory]
    [InlineData(404, "model", "model_not_found", """{"model":"other","prompt":"Hi"}""")]
    [InlineData(400, "model", null, """{"prompt":"Hi"}""")]
    [InlineData(400, "prompt", null, """{"model":"scripted"}""")]
    [InlineData(400, "prompt", "context_length_exceeded", """{"model":"scripted","prompt":"Hi","max_tokens":100000}""")]
    [InlineData(400, "guided_json", null, """{"model":"scripted","prompt":"Hi","guided_json":{"type":"nonsense"}}""")]
    [InlineData(400, "stop_token_ids", null, """{"model":"scripted","prompt":"Hi","stop_token_ids":[100000]}""")]
    [InlineData(400, "stream", null, """{"model":"scripted","prompt":"Hi","stream":true}""")]
    [InlineData(400, "unknown", null, """{"model":"scripted","prompt":"Hi","unknown":1}""")]
    [InlineData(400, "id", null, """{"model":"scripted","prompt":"Hi","id":1}""")]
    [InlineData(400, "id", null, """{"model":"scripted","prompt":"Hi","id":"../x"}""")]
    [InlineData(400, "id", null, """{"model":"scripted","prompt":"Hi","id":""}""")]
    [InlineData(400, "id", null, """{"model":"scripted","prompt":"Hi","id":"\ud800"}""")]
    [InlineData(400, "callback_url", null, """{"model":"scripted","prompt":"Hi","callback_url":"https://example.com/"}""")]
    [InlineData(400, "callback_url", null, """{"model":"scripted","prompt":"Hi","callback_url":7}""")]
    [InlineData(400, null, null, """{"model":"scripted","prompt":"Hi","metadata":{"a":"\ud800"}}""")]
    [InlineData(400, null, null, """{"model":"scripted","prompt":"Hi","prompt":"Ho"}""")]
    [InlineData(400, null, null, "[]")]
    [InlineData(400, null, null, "")]
    public async Task Post_BadJob_IsRefusedAtOnceAndLeavesNothing(int status, string? parameter, string? code, string body)
    {
        var (account, app) = await StartQuietAsync();
        await using TestApp _1 = app;

        using HttpResponseMessage response = await app.PostAsync(Jobs, body);

        await ErrorShape.AssertAsync(response, status, parameter, code);
        Assert.Equal(0, await account.CountAsync(StorageNames.CompletionRequests));
        Assert.Empty(await account.BlobsAsync(StorageNames.Requests));
    }

    [Fact]
    public async Task Post_AnyBody_IsAcceptedOrRefusedInOneShape()
    {
        var (_, app) = await StartQuietAsync();
        await using TestApp _1 = app;
        const string Valid = """{"model":"scripted","messages":[{"role":"user","content":"Hi"}],"id":"mine","seed":1,"metadata":{"a":1e9}}""";

        await Gen.Select(Gen.Int[0, Valid.Length - 1], Gen.OneOf(new[] { "\"", "\\", "{", "}", "[", "]", ":", ",", "0", "-1", "1e999", "null", "\\ud800", "\0", "é", "" }), Gen.Int[0, 12])
            .SampleAsync(async (at, text, drop) =>
            {
                using HttpResponseMessage response = await app.PostAsync(Jobs, Valid[..at] + text + Valid[Math.Min(at + drop, Valid.Length)..]);
                if (response.StatusCode != HttpStatusCode.Accepted)
                {
                    Assert.True((int)response.StatusCode is >= 400 and < 500, $"{response.StatusCode}: {Valid[..at]}|{text}|{drop}");
                    Assert.NotEqual("", (await ReadAsync(response)).GetProperty("error").GetProperty("message").GetString());
                }
            }, iter: 400, threads: 1);
    }

    [Fact]
    public async Task Post_BeforeTheModelIsLoaded_IsAccepted()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartLoadingAsync(new EndlessLoader(), account.Setting);

        using HttpResponseMessage response = await app.PostAsync(Jobs, Chat + ",\"id\":\"early\"}");

        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        Assert.Equal("queued", Text(await GetAsync(app, "early"), "status"));
    }

    [Fact]
    public async Task Post_StorageIsAway_Is503AndTheSameJobCanBeSentAgain()
    {
        await using JobRig rig = await JobRig.StartAsync(await StorageAccount.CreateAsync(azurite.NewConnectionString()), new ScriptedEngine(Vocabulary.Tokenizer));
        rig.Faults.Play(FaultTransport.Answer(503, "ServerBusy"), request => request.Uri.ToString().Contains("/messages", StringComparison.Ordinal));

        using HttpResponseMessage refused = await rig.App.PostAsync(Jobs, Chat + ",\"id\":\"mine\"}");
        rig.Faults.Stop();
        using HttpResponseMessage accepted = await rig.App.PostAsync(Jobs, Chat + ",\"id\":\"mine\"}");

        await ErrorShape.AssertAsync(refused, 503, null, "storage_unavailable");
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.Equal((HttpStatusCode.Accepted, 1), (accepted.StatusCode, await rig.Account.CountAsync(StorageNames.CompletionRequests)));
    }

    [Fact]
    public async Task Post_NoStorage_SaysSo()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));

        using HttpResponseMessage response = await app.PostAsync(Jobs, Chat + "}");

        await ErrorShape.AssertAsync(response, 501, null, "no_storage");
    }

    [Theory]
    [InlineData("unknown")]
    [InlineData("..")]
    [InlineData("a%2Fb")]
    [InlineData("%2e%2e%2fmodels")]
    [InlineData("a.json")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345")]
    public async Task GetOrDelete_NoSuchJob_Is404(string id)
    {
        var (_, app) = await StartQuietAsync();
        await using TestApp _1 = app;

        using HttpResponseMessage got = await app.Client.GetAsync($"{Jobs}/{id}", Cancel);
        using HttpResponseMessage deleted = await app.Client.DeleteAsync($"{Jobs}/{id}", Cancel);

        Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.NotFound), (got.StatusCode, deleted.StatusCode));
        Assert.NotEqual("", (await ReadAsync(got)).GetProperty("error").GetProperty("message").GetString());
    }

    [Fact]
    public async Task GetOrDelete_AnotherKeysJob_Is404()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(
            new ScriptedEngine(Vocabulary.Tokenizer), account.Setting, TestApp.WithoutPollers, "Gemma2:ApiKeys=ann=secret-a-01234567,ben=secret-b-01234567");
        app.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "secret-a-01234567");
        using HttpResponseMessage submitted = await app.PostAsync(Jobs, Chat + ",\"id\":\"mine\"}");
        Assert.Equal(HttpStatusCode.Accepted, submitted.StatusCode);

        app.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "secret-b-01234567");
        using HttpResponseMessage got = await app.Client.GetAsync($"{Jobs}/mine", Cancel);
        using HttpResponseMessage deleted = await app.Client.DeleteAsync($"{Jobs}/mine", Cancel);
        using HttpResponseMessage own = await app.PostAsync(Jobs, Chat + ",\"id\":\"mine\",\"seed\":2}");

        await ErrorShape.AssertAsync(got, 404, "id", "not_found");
        await ErrorShape.AssertAsync(deleted, 404, "id", "not_found");
        Assert.Equal(HttpStatusCode.Accepted, own.StatusCode);
        Assert.Equal(JobStatus.Queued, (await account.Jobs.TryReadAsync(new OwnedId("ann", "mine"), Cancel))!.Status);
    }

    [Fact]
    public async Task Delete_Running_StopsItAndItStaysCancelled()
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var engine = new ScriptedEngine(Vocabulary.Tokenizer)
        {
            BeforeAnswer = token =>
            {
                begun.TrySetResult();
                return Task.Delay(Timeout.Infinite, token);
            },
        };
        var (account, app) = await StartAsync(engine);
        await using TestApp _1 = app;
        using HttpResponseMessage submitted = await app.PostAsync(Jobs, Chat + ",\"id\":\"slow\"}");
        await begun.Task.WaitAsync(Cancel);
        Assert.Equal("running", Text(await GetAsync(app, "slow"), "status"));

        using HttpResponseMessage deleted = await app.Client.DeleteAsync($"{Jobs}/slow", Cancel);

        Assert.Equal("cancelled", Text(await ReadAsync(deleted), "status"));
        await engine.Cancelled.WaitAsync(Cancel);
        await account.WaitForEmptyQueueAsync();
        Assert.Equal("cancelled", Text(await GetAsync(app, "slow"), "status"));
    }

    [Fact]
    public async Task Delete_Succeeded_ReturnsItAsItIs()
    {
        var (_, app) = await StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        await using TestApp _1 = app;
        using HttpResponseMessage submitted = await app.PostAsync(Jobs, Chat + ",\"id\":\"mine\"}");
        await WaitAsync(app, "mine", "succeeded");

        using HttpResponseMessage deleted = await app.Client.DeleteAsync($"{Jobs}/mine", Cancel);

        Assert.Equal((HttpStatusCode.OK, "succeeded"), (deleted.StatusCode, Text(await ReadAsync(deleted), "status")));
    }

    [Fact]
    public async Task Get_Failed_TellsTheError()
    {
        var (_, app) = await StartAsync(new ScriptedEngine(Vocabulary.Tokenizer) { BeforeEnd = _ => throw new GenerationException("The logits are not finite.") });
        await using TestApp _1 = app;
        using HttpResponseMessage submitted = await app.PostAsync(Jobs, Chat + ",\"id\":\"nan\"}");

        JsonElement job = await WaitAsync(app, "nan", "failed");

        Assert.Equal((JsonValueKind.Null, "generation_failed"), (job.GetProperty("result").ValueKind, Text(job.GetProperty("error"), "code")));
    }

    [Fact]
    public async Task Get_AsEvents_TellsEachChangeUntilTheEnd()
    {
        var gate = new TaskCompletionSource();
        var (_, app) = await StartAsync(new ScriptedEngine(Vocabulary.Tokenizer) { BeforeAnswer = token => gate.Task.WaitAsync(token) });
        await using TestApp _1 = app;
        using HttpResponseMessage submitted = await app.PostAsync(Jobs, Chat + ",\"id\":\"mine\"}");
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{Jobs}/mine") { Headers = { Accept = { new("text/event-stream") } } };
        using HttpResponseMessage response = await app.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancel);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancel));

        var states = new List<string>();
        while (await reader.ReadLineAsync(Cancel) is { } line)
        {
            if (!line.StartsWith("data: ", StringComparison.Ordinal))
                continue;
            states.Add(line == "data: [DONE]" ? "[DONE]" : Text(JsonElement.Parse(line["data: ".Length..]), "status")!);
            if (states[^1] == "running")
                gate.TrySetResult();
        }

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal(["running", "succeeded", "[DONE]"], states.SkipWhile(state => state == "queued").Distinct());
    }

    private async Task<(StorageAccount Account, TestApp App)> StartAsync(ScriptedEngine engine)
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        return (account, await TestApp.StartAsync(engine, account.Setting));
    }

    /// <summary>An app to which no message is delivered.</summary>
    private async Task<(StorageAccount Account, TestApp App)> StartQuietAsync()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        return (account, await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting, TestApp.WithoutPollers));
    }

    private static async Task<JsonElement> WaitAsync(TestApp app, string id, string status)
    {
        while (true)
        {
            JsonElement job = await GetAsync(app, id);
            if (Text(job, "status") == status)
                return job;
            await Task.Delay(20, Cancel);
        }
    }

    private static async Task<JsonElement> GetAsync(TestApp app, string id)
    {
        using HttpResponseMessage response = await app.Client.GetAsync($"{Jobs}/{id}", Cancel);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await ReadAsync(response);
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage response) => JsonElement.Parse(await response.Content.ReadAsStringAsync(Cancel));

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();

    private sealed class EndlessLoader : Service.Model.IEngineLoader
    {
        public async Task<Backend.Engine.IInferenceEngine> LoadAsync(IProgress<Backend.Formats.Files.LoadProgress> progress, CancellationToken cancellationToken)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            throw new InvalidOperationException("The wait has no end.");
        }
    }
}
