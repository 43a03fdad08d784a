using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Gemma2.Testing;
using OpenAI.Files;

namespace Gemma2.Functions.Tests;

/// <summary>What one key makes another cannot see, name or change, however it spells the name.</summary>
public sealed class OwnershipTests(AzuriteFixture azurite)
{
    private const string Job = """{"id":"shared-id","model":"scripted","prompt":"PROMPT","max_tokens":5}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Files_OfAnotherKey_AreNotThere()
    {
        await using TestApp app = await StartAsync();
        string file = await UploadAsync(app, "the-first-key-of-a");

        foreach (HttpMethod method in new[] { HttpMethod.Get, HttpMethod.Delete })
            await AssertNotThereAsync(app, method, $"/v1/files/{file}", "file");
        await AssertNotThereAsync(app, HttpMethod.Get, $"/v1/files/{file}/content", "file");
        Assert.Equal([], await ListAsync(app, "the-only-key-of-b", "/v1/files"));
        using HttpResponseMessage batch = await SendAsync(
            app, "the-only-key-of-b", HttpMethod.Post, "/v1/batches", $$"""{"input_file_id":"{{file}}","endpoint":"/v1/completions","completion_window":"24h"}""");
        await ErrorShape.AssertAsync(batch, 400, "input_file_id", null);

        // The other key of the same name is the same owner.
        Assert.Equal([file], await ListAsync(app, "the-second-key-of-a", "/v1/files"));
        using HttpResponseMessage own = await SendAsync(app, "the-second-key-of-a", HttpMethod.Delete, $"/v1/files/{file}");
        Assert.Equal(HttpStatusCode.OK, own.StatusCode);
    }

    [Fact]
    public async Task Batches_OfAnotherKey_AreNotThere()
    {
        await using TestApp app = await StartAsync();
        string body = $$"""{"input_file_id":"{{await UploadAsync(app, "the-first-key-of-a")}}","endpoint":"/v1/completions","completion_window":"24h"}""";
        using HttpResponseMessage created = await SendAsync(app, "the-first-key-of-a", HttpMethod.Post, "/v1/batches", body);
        string batch = JsonElement.Parse(await created.Content.ReadAsStringAsync(Cancellation)).GetProperty("id").GetString()!;

        await AssertNotThereAsync(app, HttpMethod.Get, $"/v1/batches/{batch}", "batch");
        await AssertNotThereAsync(app, HttpMethod.Post, $"/v1/batches/{batch}/cancel", "batch");
        Assert.Equal([], await ListAsync(app, "the-only-key-of-b", "/v1/batches"));
        Assert.Equal([], await ListAsync(app, "the-only-key-of-b", $"/v1/batches?after={batch}z"));
        Assert.Equal([batch], await ListAsync(app, "the-second-key-of-a", "/v1/batches"));
    }

    [Fact]
    public async Task Jobs_WithTheSameId_AreTwoOfTwoKeys()
    {
        await using TestApp app = await StartAsync();
        using HttpResponseMessage first = await SendAsync(app, "the-first-key-of-a", HttpMethod.Post, "/v1/jobs", Job.Replace("PROMPT", "Hi", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.Accepted, first.StatusCode);

        await AssertNotThereAsync(app, HttpMethod.Get, "/v1/jobs/shared-id", "job");
        await AssertNotThereAsync(app, HttpMethod.Delete, "/v1/jobs/shared-id", "job");
        using HttpResponseMessage second = await SendAsync(app, "the-only-key-of-b", HttpMethod.Post, "/v1/jobs", Job.Replace("PROMPT", "Hello", StringComparison.Ordinal));
        using HttpResponseMessage again = await SendAsync(app, "the-second-key-of-a", HttpMethod.Post, "/v1/jobs", Job.Replace("PROMPT", "Hello", StringComparison.Ordinal));

        Assert.Equal(HttpStatusCode.Accepted, second.StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
    }

    [Theory]
    [InlineData("..")]
    [InlineData("../a/ID")]
    [InlineData("%2e%2e")]
    [InlineData("%2e%2e%2fa%2fID")]
    [InlineData("a%2FID")]
    [InlineData("a/ID")]
    [InlineData("a%5CID")]
    [InlineData("..%2Fa%2FID")]
    [InlineData("%252e%252e%252fa%252fID")]
    [InlineData("ID%00")]
    [InlineData("%00")]
    [InlineData("ID%0a")]
    [InlineData("ID.json")]
    [InlineData("ID%20")]
    [InlineData("*")]
    [InlineData("%C3%A4")]
    [InlineData("%FF")]
    [InlineData("LONG")]
    public async Task Get_GuessedPaths_LeadNowhere(string path)
    {
        await using TestApp app = await StartAsync();
        string file = await UploadAsync(app, "the-first-key-of-a");
        path = path.Replace("ID", file, StringComparison.Ordinal).Replace("LONG", new string('x', 5000), StringComparison.Ordinal);

        foreach (string kind in new[] { "files", "batches", "jobs" })
        {
            string answer = await GetRawAsync(app, "the-only-key-of-b", $"/v1/{kind}/{path}");
            Assert.True(answer.StartsWith("HTTP/1.1 404", StringComparison.Ordinal) || answer.StartsWith("HTTP/1.1 400", StringComparison.Ordinal), answer);
            Assert.DoesNotContain("filename", answer, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Post_JobsBeyondTheTokenLimit_AreRefused()
    {
        await using TestApp app = await StartAsync("Gemma2:TokensPerMinute=50");

        using HttpResponseMessage first = await SendAsync(app, "the-first-key-of-a", HttpMethod.Post, "/v1/jobs", """{"model":"scripted","prompt":"Hi","max_tokens":400}""");
        using HttpResponseMessage second = await SendAsync(app, "the-first-key-of-a", HttpMethod.Post, "/v1/jobs", """{"model":"scripted","prompt":"Hi","max_tokens":400}""");

        Assert.Equal(HttpStatusCode.Accepted, first.StatusCode);
        await ErrorShape.AssertAsync(second, 429, null, "rate_limit_exceeded");
    }

    private async Task<TestApp> StartAsync(params string[] settings) => await TestApp.StartAsync(
        new ScriptedEngine(Vocabulary.Tokenizer),
        [(await StorageAccount.CreateAsync(azurite.NewConnectionString())).Setting, "Gemma2:ApiKeys=a=the-first-key-of-a,a=the-second-key-of-a,b=the-only-key-of-b", .. settings]);

    private static async Task<string> UploadAsync(TestApp app, string key) => (await app.OpenAIClient(key).GetOpenAIFileClient()
        .UploadFileAsync(new MemoryStream("{}"u8.ToArray()), "input.jsonl", FileUploadPurpose.Batch, Cancellation)).Value.Id;

    private static async Task AssertNotThereAsync(TestApp app, HttpMethod method, string path, string kind)
    {
        using HttpResponseMessage theirs = await SendAsync(app, "the-only-key-of-b", method, path);
        await ErrorShape.AssertAsync(theirs, 404, "id", "not_found");

        // What is another's cannot be told from what is not there.
        string id = path.Split('/')[3], unknown = new('0', id.Length);
        using HttpResponseMessage nobodys = await SendAsync(app, "the-only-key-of-b", method, path.Replace(id, unknown, StringComparison.Ordinal));
        Assert.Equal(
            (await nobodys.Content.ReadAsStringAsync(Cancellation)).Replace(unknown, id, StringComparison.Ordinal), await theirs.Content.ReadAsStringAsync(Cancellation));
        Assert.Contains($"There is no {kind} with the id '{id}'.", await theirs.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    private static async Task<IEnumerable<string?>> ListAsync(TestApp app, string key, string path)
    {
        using HttpResponseMessage response = await SendAsync(app, key, HttpMethod.Get, path);
        JsonElement list = JsonElement.Parse(await response.Content.ReadAsStringAsync(Cancellation));
        return [.. list.GetProperty("data").EnumerateArray().Select(item => item.GetProperty("id").GetString())];
    }

    private static async Task<HttpResponseMessage> SendAsync(TestApp app, string key, HttpMethod method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(method, path) { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", key) } };
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        return await app.Client.SendAsync(request, Cancellation);
    }

    /// <summary>Sends the path as it is: HttpClient would tidy it up.</summary>
    private static async Task<string> GetRawAsync(TestApp app, string key, string path)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, app.Client.BaseAddress!.Port, Cancellation);
        byte[] request = Encoding.Latin1.GetBytes($"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n");
        await client.GetStream().WriteAsync(request, Cancellation);
        using var reader = new StreamReader(client.GetStream());
        return await reader.ReadToEndAsync(Cancellation);
    }
}
