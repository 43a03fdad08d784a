using System.Net;
using System.Text;
using Gemma2.Service.Http.Access;
using Gemma2.Service.Http.Completions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gemma2.Functions.Tests;

/// <summary>Each request has an id, and one line in the log.</summary>
public sealed class AccessLogTests : IDisposable
{
    private const string Keys = "Gemma2:ApiKeys=ann=key-of-ann-0123456789";
    private const string Secret = "key-of-ann-0123456789";
    private const string Chat = """{"model":"scripted","messages":[{"role":"user","content":"a secret question"}]}""";

    private readonly CollectedLog _log = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _log.Dispose();

    [Theory]
    [InlineData("GET", "/v1/models", 200)]
    [InlineData("GET", "/healthz", 200)]
    [InlineData("GET", "/nowhere", 404)]
    [InlineData("PUT", "/v1/models", 405)]
    [InlineData("POST", "/v1/chat/completions", 415)]
    public async Task Send_Anything_IsOneLineWithTheIdOfTheAnswer(string method, string path, int status)
    {
        await using TestApp app = await StartAsync();

        using HttpResponseMessage response = await SendAsync(app, method, path + "?api_key=hidden", id: "my-id/1");

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("my-id/1", IdOf(response));
        string line = Assert.Single(await _log.WaitForAsync<AccessLog>(1));
        Assert.Matches($@"^{method} {path} {status} in \d+ ms, key (ann|-), client 127\.0\.0\.1, request my-id/1$", line);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("a\tb")]
    [InlineData("129")]
    public async Task Send_NoUsableId_GetsANewOne(string? given)
    {
        await using TestApp app = await StartAsync();

        using HttpResponseMessage first = await SendAsync(app, "GET", "/v1/models", id: given == "129" ? new string('a', 129) : given);
        using HttpResponseMessage second = await SendAsync(app, "GET", "/v1/models", id: given);

        Assert.Matches("^req_[0-9a-f]{32}$", IdOf(first));
        Assert.NotEqual(IdOf(first), IdOf(second));
    }

    [Fact]
    public async Task Send_WrongKey_IsLoggedWithoutIt()
    {
        await using TestApp app = await StartAsync();

        using HttpResponseMessage response = await SendAsync(app, "GET", "/v1/models", key: "wrong-key-of-a-guesser");

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Contains("GET /v1/models 401 in", Assert.Single(await _log.WaitForAsync<AccessLog>(1)), StringComparison.Ordinal);
        Assert.NotNull(IdOf(response));
        Assert.DoesNotContain(_log.Lines, line => line.Contains("wrong-key", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Stream_Whole_IsLoggedAtItsEndWithoutContent()
    {
        var end = new TaskCompletionSource();
        await using TestApp app = await StartAsync(new ScriptedEngine(Vocabulary.Tokenizer) { BeforeEnd = end.Task.WaitAsync });

        using HttpResponseMessage response = await SendAsync(app, "POST", "/v1/chat/completions", Chat.Replace("]}", "],\"stream\":true}", StringComparison.Ordinal), id: "s");
        Assert.Empty(_log.LinesOf<AccessLog>());
        end.SetResult();
        Assert.EndsWith("[DONE]\n\n", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);

        Assert.StartsWith("POST /v1/chat/completions 200 in", Assert.Single(await _log.WaitForAsync<AccessLog>(1)), StringComparison.Ordinal);
        Assert.EndsWith("request s", Assert.Single(_log.LinesOf<CompletionResponder>()), StringComparison.Ordinal);
        Assert.DoesNotContain(_log.Lines, line => line.Contains("secret", StringComparison.Ordinal) || line.Contains(Secret, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Send_ClientGoes_IsLoggedAs499(bool stream)
    {
        var begun = new TaskCompletionSource();
        await using TestApp app = await StartAsync(new ScriptedEngine(Vocabulary.Tokenizer)
        {
            BeforeAnswer = async token =>
            {
                begun.SetResult();
                await Task.Delay(Timeout.Infinite, token);
            },
        });
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        string body = stream ? Chat.Replace("]}", "],\"stream\":true}", StringComparison.Ordinal) : Chat;

        Task<HttpResponseMessage> sending = SendAsync(app, "POST", "/v1/chat/completions", body, id: "gone", cancellationToken: leave.Token);
        await begun.Task.WaitAsync(Cancellation);
        HttpResponseMessage? response = stream ? await sending : null;
        response?.Dispose();
        await leave.CancelAsync();
        if (!stream)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);

        string line = Assert.Single(await _log.WaitForAsync<AccessLog>(1));
        Assert.StartsWith("POST /v1/chat/completions 499 in", line, StringComparison.Ordinal);
        Assert.EndsWith("request gone", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Send_PathWithALineBreak_StaysOneLine()
    {
        await using TestApp app = await StartAsync();

        using HttpResponseMessage response = await SendAsync(app, "GET", "/v1/a%0A2026-01-01%20forged%E2%80%A8" + new string('b', 4000));

        string line = Assert.Single(await _log.WaitForAsync<AccessLog>(1));
        Assert.DoesNotContain('\n', line);
        Assert.DoesNotContain('\u2028', line);
        Assert.InRange(line.Length, 1, 400);
    }

    [Theory]
    [InlineData("127.0.0.1", null, "127.0.0.1")]
    [InlineData("8.8.8.8", "9.9.9.9", "8.8.8.8")]
    [InlineData("127.0.0.1", "9.9.9.9", "9.9.9.9")]
    [InlineData("::ffff:127.0.0.1", "1.1.1.1, 9.9.9.9:4711", "9.9.9.9")]
    [InlineData("127.0.0.1", "1.1.1.1, 9.9.9.9, 10.0.0.7", "9.9.9.9")]
    [InlineData("10.1.1.1", "10.0.0.7", "10.0.0.7")]
    [InlineData("127.0.0.1", "1.1.1.1, nonsense", "127.0.0.1")]
    [InlineData("127.0.0.1", "[2620:fe::9]:443", "2620:fe::9")]
    public void Of_AddressesOfProxies_IsTheFirstPublicOne(string peer, string? forwarded, string expected)
    {
        var http = new DefaultHttpContext { Connection = { RemoteIpAddress = IPAddress.Parse(peer) } };
        if (forwarded is not null)
            http.Request.Headers["X-Forwarded-For"] = forwarded;

        Assert.Equal(IPAddress.Parse(expected), ClientAddress.Of(http));
    }

    private Task<TestApp> StartAsync(ScriptedEngine? engine = null) => TestApp.StartAsync(
        engine ?? new ScriptedEngine(Vocabulary.Tokenizer), services => services.AddLogging(logging => logging.AddProvider(_log)), Keys);

    private static Task<HttpResponseMessage> SendAsync(
        TestApp app, string method, string path, string? body = null, string? id = null, string key = Secret, CancellationToken? cancellationToken = null)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {key}");
        if (id is not null)
            request.Headers.TryAddWithoutValidation("X-Request-ID", id);
        return app.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken ?? Cancellation);
    }

    private static string IdOf(HttpResponseMessage response) => response.Headers.GetValues("x-request-id").Single();
}
