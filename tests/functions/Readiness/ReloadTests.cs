using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Service.Lifetime;
using Gemma2.Service.Model;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Gemma2.Functions.Tests.Readiness;

/// <summary><c>/admin/reload</c>: another version of the model takes the place of the one that is served.</summary>
public sealed class ReloadTests
{
    private const string Key = "the-operators-own-key";
    private const string Text = """{"model":"scripted","prompt":"Hi"}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Post_AnotherVersion_IsServedBesideTheOldOneUntilThatIsUnused()
    {
        await using ScriptedEngine old = Held("old", out TaskCompletionSource finish), next = Named("new");
        var loader = new PlayedLoader(PlayedLoader.Gives(old), PlayedLoader.Gives(next));
        await using TestApp app = await StartAsync(loader);
        Task<HttpResponseMessage> begun = app.PostAsync("/v1/completions", Text);
        await UntilAsync(() => old.Running == 1);
        loader.Version = "two";

        JsonElement reload = await SendAsync(app, HttpMethod.Post, "?wait=true", HttpStatusCode.OK);
        string later = await FingerprintAsync(await app.PostAsync("/v1/completions", Text));

        Assert.Equal(("succeeded", "beside", "two"), (Word(reload, "status"), Word(reload, "mode"), Word(reload.GetProperty("model"), "version")));
        Assert.Equal("fp_new0", later);
        Assert.False(old.IsDisposed);
        finish.SetResult();
        Assert.Equal("fp_old0", await FingerprintAsync(await begun));
        await UntilAsync(() => old.IsDisposed);
        Assert.False(next.IsDisposed);
    }

    [Fact]
    public async Task Post_NoRoomForBoth_EndsTheOldOneFirstAndNewRequestsWait()
    {
        await using ScriptedEngine old = Held("old", out TaskCompletionSource finish), next = Named("new");
        var loader = new PlayedLoader(PlayedLoader.Gives(old), PlayedLoader.Gives(next)) { FitsBeside = false };
        await using TestApp app = await StartAsync(loader);
        Task<HttpResponseMessage> begun = app.PostAsync("/v1/completions", Text);
        await UntilAsync(() => old.Running == 1);
        loader.Version = "two";

        await SendAsync(app, HttpMethod.Post, "", HttpStatusCode.Accepted);
        await UntilAsync(async () => Word(await SendAsync(app, HttpMethod.Get, "", HttpStatusCode.OK), "status") == "draining");
        Task<HttpResponseMessage> early = app.PostAsync("/v1/completions", Text);
        using HttpResponseMessage health = await app.Client.GetAsync("/healthz", Cancellation);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
        Assert.Equal((false, 1), (old.IsDisposed, loader.Loads));
        finish.SetResult();
        Assert.Equal("fp_old0", await FingerprintAsync(await begun));
        Assert.Equal("fp_new0", await FingerprintAsync(await early));
        Assert.True(old.IsDisposed);
        Assert.Equal(["load", "check", "load"], loader.Calls);
        await UntilAsync(async () => Word(await SendAsync(app, HttpMethod.Get, "", HttpStatusCode.OK), "status") == "succeeded");
    }

    [Fact]
    public async Task Post_DeviceHasLessRoomThanItSeemed_LoadsAfterTheOldOne()
    {
        await using ScriptedEngine old = Named("old"), next = Named("new");
        var loader = new PlayedLoader(PlayedLoader.Gives(old), PlayedLoader.Fails(new DeviceException("out of device memory") { MayPass = true }), PlayedLoader.Gives(next));
        await using TestApp app = await StartAsync(loader);

        JsonElement reload = await SendAsync(app, HttpMethod.Post, "?force=true&wait=true", HttpStatusCode.OK);

        Assert.Equal(("succeeded", "after"), (Word(reload, "status"), Word(reload, "mode")));
        Assert.True(old.IsDisposed);
        Assert.Equal("fp_new0", await FingerprintAsync(await app.PostAsync("/v1/completions", Text)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Post_NewVersionIsDamaged_OldOneStays(bool beside)
    {
        await using ScriptedEngine old = Named("old");
        var damaged = new ModelException("scripted/model.safetensors: damaged.");
        var loader = new PlayedLoader(PlayedLoader.Gives(old), PlayedLoader.Fails(damaged)) { FitsBeside = beside, Fault = damaged };
        await using TestApp app = await StartAsync(loader);
        loader.Version = "two";

        JsonElement error = (await SendAsync(app, HttpMethod.Post, "?wait=true", HttpStatusCode.InternalServerError)).GetProperty("error");
        JsonElement state = await SendAsync(app, HttpMethod.Get, "", HttpStatusCode.OK);

        Assert.Equal(("reload_failed", "The model was not reloaded. scripted/model.safetensors: damaged."), (Word(error, "code"), Word(error, "message")));
        Assert.Equal(("failed", "scripted/model.safetensors: damaged.", "one"), (Word(state, "status"), Word(state, "error"), Word(state.GetProperty("model"), "version")));
        Assert.Equal("fp_old0", await FingerprintAsync(await app.PostAsync("/v1/completions", Text)));
        Assert.False(old.IsDisposed);
    }

    [Fact]
    public async Task Post_NewVersionCannotBeLoadedAfterTheOldOne_EndsTheProcess()
    {
        await using ScriptedEngine old = Named("old");
        var loader = new PlayedLoader(PlayedLoader.Gives(old), PlayedLoader.Fails(new DeviceException("the device is no more"))) { FitsBeside = false };
        await using TestApp app = await StartAsync(loader);

        await SendAsync(app, HttpMethod.Post, "?force", HttpStatusCode.Accepted);

        await app.App.WaitForShutdownAsync(Cancellation);
        Assert.NotEqual(0, app.App.Services.GetRequiredService<FatalStop>().ExitCode);
    }

    [Fact]
    public async Task Post_SameVersion_SaysSoUnlessForced()
    {
        await using ScriptedEngine old = Named("old"), next = Named("new");
        var loader = new PlayedLoader(PlayedLoader.Gives(old), PlayedLoader.Gives(next));
        await using TestApp app = await StartAsync(loader);
        Assert.Equal("none", Word(await SendAsync(app, HttpMethod.Get, "", HttpStatusCode.OK), "status"));

        JsonElement same = await SendAsync(app, HttpMethod.Post, "?wait=1", HttpStatusCode.OK);
        int loads = loader.Loads;
        JsonElement forced = await SendAsync(app, HttpMethod.Post, "?wait=1&force=1", HttpStatusCode.OK);

        Assert.Equal(("already_current", 1), (Word(same, "status"), loads));
        Assert.Equal(("succeeded", 2), (Word(forced, "status"), loader.Loads));
    }

    [Fact]
    public async Task Post_WhileOneRuns_Is409()
    {
        await using ScriptedEngine old = Named("old"), next = Named("new");
        var gate = new TaskCompletionSource<Backend.Engine.IInferenceEngine>(TaskCreationOptions.RunContinuationsAsynchronously);
        var loader = new PlayedLoader(PlayedLoader.Gives(old), PlayedLoader.Waits(gate.Task));
        await using TestApp app = await StartAsync(loader);
        loader.Version = "two";
        HttpResponseHeaders headers = (await AskAsync(app, HttpMethod.Post, "", Key)).Headers;
        Assert.Equal("/admin/reload", headers.Location!.OriginalString);

        JsonElement error = (await SendAsync(app, HttpMethod.Post, "?force", HttpStatusCode.Conflict)).GetProperty("error");
        gate.SetResult(next);

        Assert.Equal("reload_running", Word(error, "code"));
        await UntilAsync(() => old.IsDisposed);
    }

    [Fact]
    public async Task Post_WhileTheModelIsFirstLoaded_Is409()
    {
        var gate = new TaskCompletionSource<Backend.Engine.IInferenceEngine>();
        await using TestApp app = await TestApp.StartLoadingAsync(new PlayedLoader(PlayedLoader.Waits(gate.Task)), $"Gemma2:AdminKey={Key}");

        JsonElement error = (await SendAsync(app, HttpMethod.Post, "", HttpStatusCode.Conflict)).GetProperty("error");
        JsonElement state = await SendAsync(app, HttpMethod.Get, "", HttpStatusCode.OK);

        Assert.Contains("still being loaded", Word(error, "message"), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, state.GetProperty("model").ValueKind);
    }

    [Theory]
    [InlineData("?wait=perhaps", "wait")]
    [InlineData("?force=2", "force")]
    [InlineData("?force=%00", "force")]
    public async Task Post_WrongParameter_Is400(string query, string parameter)
    {
        await using ScriptedEngine old = Named("old");
        await using TestApp app = await StartAsync(new PlayedLoader(PlayedLoader.Gives(old)));

        await ErrorShape.AssertAsync(await AskAsync(app, HttpMethod.Post, query, Key), 400, parameter, null);
    }

    [Theory]
    [InlineData("POST", "/admin/reload")]
    [InlineData("GET", "/admin/reload")]
    [InlineData("POST", "/v1/admin/reload")]
    [InlineData("GET", "/v1/admin/reload")]
    public async Task Route_WithoutTheSetting_IsRefusedByName(string method, string path)
    {
        await using ScriptedEngine engine = Named("old");
        await using TestApp app = await TestApp.StartAsync(engine);
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Headers = { Authorization = new("Bearer", Key) } };

        using HttpResponseMessage response = await app.Client.SendAsync(request, Cancellation);

        await ErrorShape.AssertAsync(response, 404, null, "not_turned_on");
        Assert.Contains($"{method} {path} is not turned on here", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("a-wrong-key-of-some-length")]
    [InlineData("a-key-of-sixteen-characters")]
    public async Task Route_WithoutTheAdminKey_Is401(string? key)
    {
        await using ScriptedEngine engine = Named("old");
        await using TestApp app = await StartAsync(new PlayedLoader(PlayedLoader.Gives(engine)), "Gemma2:ApiKeys=ann=a-key-of-sixteen-characters");

        await ErrorShape.AssertAsync(await AskAsync(app, HttpMethod.Post, "", key), 401, null, "invalid_api_key");
    }

    [Fact]
    public async Task AdminKey_OnClientsRoutes_OpensNone()
    {
        await using ScriptedEngine engine = Named("old");
        await using TestApp app = await StartAsync(new PlayedLoader(PlayedLoader.Gives(engine)), "Gemma2:ApiKeys=ann=a-key-of-sixteen-characters");
        app.Client.DefaultRequestHeaders.Authorization = new("Bearer", Key);

        await ErrorShape.AssertAsync(await app.Client.GetAsync("/v1/models", Cancellation), 401, null, "invalid_api_key");
    }

    [Fact]
    public async Task Requests_ThroughManyReloads_AreAllAnsweredByAnEngineThatIsNotFreed()
    {
        ScriptedEngine[] engines = [.. Enumerable.Range(0, 6).Select(number => Named($"v{number}"))];
        var loader = new PlayedLoader([.. engines.Select(PlayedLoader.Gives)]);
        await using TestApp app = await StartAsync(loader);
        using var stop = new CancellationTokenSource();
        Task<int>[] clients = [.. Enumerable.Range(0, 4).Select(async _ =>
        {
            int answers = 0;
            for (; !stop.IsCancellationRequested; answers++)
                Assert.StartsWith("fp_v", await FingerprintAsync(await app.PostAsync("/v1/completions", Text)), StringComparison.Ordinal);
            return answers;
        })];

        for (int reload = 1; reload < engines.Length; reload++)
        {
            loader.FitsBeside = reload % 2 == 0;
            await SendAsync(app, HttpMethod.Post, "?wait&force", HttpStatusCode.OK);
        }
        await stop.CancelAsync();

        Assert.All(await Task.WhenAll(clients), answers => Assert.NotEqual(0, answers));
        await UntilAsync(() => engines[..^1].All(engine => engine.IsDisposed));
        Assert.False(engines[^1].IsDisposed);
        await engines[^1].DisposeAsync();
    }

    [Fact]
    public async Task Grammars_OfAnotherVersion_AreItsOwn()
    {
        await using ScriptedEngine old = Named("old"), next = Named("new");
        using var grammars = new ModelGrammars();
        await grammars.WarmUpAsync(old, Cancellation);
        Func<Backend.Decoding.ITokenMask> first = await grammars.CompileAsync(old, new Grammars.GrammarSource.JsonObject(), Cancellation);
        Func<Backend.Decoding.ITokenMask> second = await grammars.CompileAsync(next, new Grammars.GrammarSource.JsonObject(), Cancellation);

        Assert.NotNull(first());
        Assert.NotNull(second());
    }

    private static ScriptedEngine Named(string name) => new(Vocabulary.Tokenizer) { Fingerprint = name + "0123456789abcdef" };

    private static ScriptedEngine Held(string name, out TaskCompletionSource finish)
    {
        var gate = finish = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return new ScriptedEngine(Vocabulary.Tokenizer) { Fingerprint = name + "0123456789abcdef", BeforeEnd = token => gate.Task.WaitAsync(token) };
    }

    private static async Task<TestApp> StartAsync(PlayedLoader loader, params string[] settings)
    {
        TestApp app = await TestApp.StartLoadingAsync(loader, [$"Gemma2:AdminKey={Key}", .. settings]);
        await app.App.Services.GetRequiredService<ModelHost>().WaitForEngineAsync(Cancellation);
        return app;
    }

    private static async Task<HttpResponseMessage> AskAsync(TestApp app, HttpMethod method, string query, string? key)
    {
        using var request = new HttpRequestMessage(method, "/admin/reload" + query);
        if (key is not null)
            request.Headers.Add("x-api-key", key);
        return await app.Client.SendAsync(request, Cancellation);
    }

    private static async Task<JsonElement> SendAsync(TestApp app, HttpMethod method, string query, HttpStatusCode expected)
    {
        using HttpResponseMessage response = await AskAsync(app, method, query, Key);
        string body = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.StatusCode == expected, $"{(int)response.StatusCode}: {body}");
        return JsonElement.Parse(body);
    }

    private static string? Word(JsonElement json, string name) => json.GetProperty(name).GetString();

    private static async Task<string> FingerprintAsync(HttpResponseMessage response)
    {
        using (response)
        {
            string body = await response.Content.ReadAsStringAsync(Cancellation);
            Assert.True(response.IsSuccessStatusCode, body);
            return JsonElement.Parse(body).GetProperty("system_fingerprint").GetString()![..7];
        }
    }

    private static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        while (!await condition())
            await Task.Delay(10, Cancellation);
    }
}
