using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Gemma2.Worker.Tests;

/// <summary>Under a Functions host the app answers as it does by itself, to the byte.</summary>
[Collection(nameof(SharedApps))]
public sealed class HttpTests(SharedApps apps)
{
    private const string Json = "application/json";
    private const string Chat = """{"model":"nano","messages":[{"role":"user","content":"What is the capital of France?"}],"temperature":0,"seed":7,"max_tokens":24""";

    // More than is read at all of a request's JSON, less than what a host takes.
    private const int TooLong = 11 << 20;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("GET", "/")]
    [InlineData("HEAD", "/")]
    [InlineData("GET", "/healthz")]
    [InlineData("HEAD", "/healthz")]
    [InlineData("GET", "/HealthZ/")]
    [InlineData("GET", "/v1/models")]
    [InlineData("GET", "/v1/models?a=%20b&c")]
    [InlineData("GET", "/v1/models/nano")]
    [InlineData("GET", "/v1/models/other")]
    [InlineData("HEAD", "/v1/models")]
    [InlineData("OPTIONS", "/v1/models")]
    [InlineData("DELETE", "/v1/models")]
    [InlineData("PUT", "/v1/models", Json, "{}")]
    [InlineData("PATCH", "/v1/models", Json, "{}")]
    [InlineData("GET", "/v1/chat/completions")]
    [InlineData("GET", "/nowhere")]
    [InlineData("POST", "/nowhere", Json, "{}")]
    [InlineData("GET", "/CompletionRequest")]
    [InlineData("POST", "/CompletionRequest", Json, "{}")]
    [InlineData("GET", "/api/Http")]
    [InlineData("GET", "/v1/jobs/none")]
    [InlineData("GET", "/v1/jobs/a%2Fb")]
    [InlineData("GET", "/v1/jobs/%C3%BC%20%22")]
    [InlineData("DELETE", "/v1/jobs/none")]
    [InlineData("GET", "/v1/files")]
    [InlineData("GET", "/v1/files?limit=none")]
    [InlineData("GET", "/v1/files/file-none/content")]
    [InlineData("GET", "/v1/batches")]
    [InlineData("POST", "/v1/batches", Json, """{"input_file_id":"file-none","endpoint":"/v1/chat/completions","completion_window":"24h"}""")]
    [InlineData("POST", "/v1/chat/completions", Json, Chat + "}")]
    [InlineData("POST", "/v1/chat/completions", Json, Chat + ""","stream":true}""")]
    [InlineData("POST", "/v1/chat/completions", Json, Chat + ""","stream":true,"stream_options":{"include_usage":true}}""")]
    [InlineData("POST", "/v1/chat/completions", "application/json; charset=utf-8", Chat + "}")]
    [InlineData("POST", "/v1/completions", Json, """{"model":"nano","prompt":"Once upon a time","temperature":1,"seed":3,"max_tokens":16}""")]
    [InlineData("POST", "/v1/chat/completions", Json, Chat)]
    [InlineData("POST", "/v1/chat/completions", Json, "")]
    [InlineData("POST", "/v1/chat/completions", Json, """{"model":"other","messages":[{"role":"user","content":"x"}]}""")]
    [InlineData("POST", "/v1/chat/completions", Json, """{"model":"nano","messages":[]}""")]
    [InlineData("POST", "/v1/chat/completions", Json, """{"model":"nano","messages":[{"role":"user","content":"x"}],"temperature":"hot"}""")]
    [InlineData("POST", "/v1/chat/completions", Json, """{"model":"nano","messages":[{"role":"user","content":"x"}],"max_tokens":100000}""")]
    [InlineData("POST", "/v1/chat/completions", "text/plain", Chat + "}")]
    [InlineData("POST", "/v1/files", Json, "{}")]
    public async Task Answer_WithAKey_IsThatOfTheAppByItself(string method, string path, string? type = null, string? body = null) =>
        await AssertSameAsync(method, path, () => body is null ? null : new ByteArrayContent(Encoding.UTF8.GetBytes(body)) { Headers = { { "Content-Type", type } } });

    [Theory]
    [InlineData("GET", "/v1/models", null)]
    [InlineData("GET", "/v1/models", "another")]
    [InlineData("POST", "/v1/chat/completions", null)]
    [InlineData("GET", "/healthz", null)]
    public async Task Answer_WithoutAKey_IsThatOfTheAppByItself(string method, string path, string? key) => await AssertSameAsync(method, path, () => null, key);

    [Fact]
    public async Task Answer_BodyTooLong_IsThatOfTheAppByItself()
    {
        string answer = await AssertSameAsync("POST", "/v1/completions", () => new ByteArrayContent(new byte[TooLong]) { Headers = { { "Content-Type", Json } } });

        Assert.StartsWith("413 ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Upload_FormWithAFile_IsAnsweredAndKeptAsByTheAppByItself()
    {
        IEnumerable<string> lines = Enumerable.Range(0, 5000).Select(line => $$$"""{"custom_id":"{{{line}}}","method":"POST","url":"/v1/completions","body":{}}""");
        string content = string.Join('\n', lines);

        string answer = await AssertSameAsync("POST", "/v1/files", () => new MultipartFormDataContent("boundary")
        {
            { new StringContent("batch"), "purpose" },
            { new StringContent(content), "file", "lines ü.jsonl" },
        });

        Assert.StartsWith("200 ", answer, StringComparison.Ordinal);
        (App app, _) = await apps.HostedAsync();
        JsonElement files = await app.Http.GetFromJsonAsync<JsonElement>("/v1/files", Cancellation);
        string id = files.GetProperty("data")[0].GetProperty("id").GetString()!;
        Assert.Equal(content, await app.Http.GetStringAsync($"/v1/files/{id}/content", Cancellation));
    }

    [Fact]
    public async Task Log_ARequestThatIsAnswered_HasOneLine()
    {
        (App app, _) = await apps.HostedAsync();
        using HttpResponseMessage response = await app.Http.PostAsync("/v1/chat/completions", new StringContent(Chat + "}", null, Json), Cancellation);
        string id = (await response.Content.ReadFromJsonAsync<JsonElement>(Cancellation)).GetProperty("id").GetString()!["chatcmpl-".Length..];

        await app.Program.WaitForLineAsync($"({id})");

        // Once from the app's console, and not once more through the host.
        Assert.Single(app.Program.Lines, line => line.Contains(id, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("/admin/functions")]
    [InlineData("/admin/host/status")]
    [InlineData("/runtime/webhooks")]
    public async Task Answer_PathsOfTheHost_AreNotTheApps(string path)
    {
        (App app, _) = await apps.HostedAsync();

        using HttpResponseMessage response = await app.Http.GetAsync(path, Cancellation);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("", await response.Content.ReadAsStringAsync(Cancellation));
    }

    private async Task<string> AssertSameAsync(string method, string path, Func<HttpContent?> content, string? key = App.Key)
    {
        (App app, _) = await apps.HostedAsync();
        string expected = await Answer.ReadAsync(await apps.SelfHostedAsync(), new HttpMethod(method), path, content(), key);

        string actual = await Answer.ReadAsync(app, new HttpMethod(method), path, content(), key);

        Assert.Equal(expected, actual);
        return actual;
    }
}
