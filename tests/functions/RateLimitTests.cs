using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Gemma2.Service.Http;
using Gemma2.Service.Http.Access;
using Gemma2.Service.Options;

namespace Gemma2.Functions.Tests;

/// <summary>Limits are of one request a minute, or of so many tokens that the first request takes them all: how fast a test runs does not matter.</summary>
public sealed class RateLimitTests
{
    private const string Keys = "Gemma2:ApiKeys=a=the-first-key-of-a,a=the-second-key-of-a,b=the-only-key-of-b";
    private const string Request = """{"model":"scripted","prompt":"Hi","max_tokens":5}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Get_MoreRequestsThanAllowed_Is429InOpenAIsShape()
    {
        await using TestApp app = await StartAsync(Keys, "Gemma2:RequestsPerMinute=1");

        using HttpResponseMessage first = await GetAsync(app, "the-first-key-of-a");
        using HttpResponseMessage second = await GetAsync(app, "the-second-key-of-a");
        using HttpResponseMessage other = await GetAsync(app, "the-only-key-of-b");

        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        Assert.Equal(("1", "0"), (Header(first, "x-ratelimit-limit-requests"), Header(first, "x-ratelimit-remaining-requests")));
        Assert.EndsWith("ms", Header(first, "x-ratelimit-reset-requests"), StringComparison.Ordinal);
        Assert.Null(Header(first, "x-ratelimit-limit-tokens"));
        // The second key has the same name, and so the same limit.
        await ErrorShape.AssertAsync(second, 429, null, "rate_limit_exceeded");
        Assert.InRange(second.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));
        Assert.Equal("0", Header(second, "x-ratelimit-remaining-requests"));
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
    }

    [Fact]
    public async Task Get_Health_IsNotCounted()
    {
        await using TestApp app = await StartAsync(Keys, "Gemma2:RequestsPerMinute=1");
        for (int i = 0; i < 3; i++)
        {
            using HttpResponseMessage health = await app.Client.GetAsync("/healthz", Cancellation);
            Assert.Equal(HttpStatusCode.OK, health.StatusCode);
            Assert.Null(Header(health, "x-ratelimit-limit-requests"));
        }

        using HttpResponseMessage first = await GetAsync(app, "the-first-key-of-a");
        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
    }

    [Fact]
    public async Task Get_WrongKey_IsNotCounted()
    {
        await using TestApp app = await StartAsync(Keys, "Gemma2:RequestsPerMinute=1");
        using HttpResponseMessage wrong = await GetAsync(app, "a-key-of-nobody-01");
        using HttpResponseMessage first = await GetAsync(app, "the-first-key-of-a");

        Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.OK), (wrong.StatusCode, first.StatusCode));
        Assert.Null(Header(wrong, "x-ratelimit-limit-requests"));
    }

    [Fact]
    public async Task Get_WithoutKeys_AllShareOneLimit()
    {
        await using TestApp app = await StartAsync("Gemma2:RequestsPerMinute=1");

        using HttpResponseMessage first = await app.Client.GetAsync("/v1/models", Cancellation);
        using HttpResponseMessage second = await app.Client.GetAsync("/v1/models", Cancellation);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.TooManyRequests), (first.StatusCode, second.StatusCode));
    }

    [Fact]
    public async Task Get_NoLimits_HasNoHeaders()
    {
        await using TestApp app = await StartAsync(Keys);

        using HttpResponseMessage response = await GetAsync(app, "the-first-key-of-a");

        Assert.DoesNotContain(response.Headers, header => header.Key.StartsWith("x-ratelimit", StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData("/v1/completions", """{"model":"scripted","prompt":"Hi","max_tokens":400}""")]
    [InlineData("/v1/completions", """{"model":"scripted","prompt":"Hi"}""")]
    [InlineData("/v1/completions", """{"model":"scripted","prompt":"Hi","max_tokens":400,"stream":true}""")]
    [InlineData("/v1/chat/completions", """{"model":"scripted","messages":[{"role":"user","content":"Hi"}]}""")]
    public async Task Post_MoreTokensThanAllowed_Is429(string path, string body)
    {
        // Each of these asks for more than the limit: the first is served, as it asks for no more than the limit can hold, and takes all of it.
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine, Keys, "Gemma2:TokensPerMinute=50");

        using HttpResponseMessage first = await PostAsync(app, "the-first-key-of-a", path, body);
        using HttpResponseMessage second = await PostAsync(app, "the-first-key-of-a", path, body);
        using HttpResponseMessage other = await PostAsync(app, "the-only-key-of-b", path, body);

        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        Assert.Equal("50", Header(first, "x-ratelimit-limit-tokens"));
        await ErrorShape.AssertAsync(second, 429, null, "rate_limit_exceeded");
        Assert.Contains("50 tokens a minute", await second.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        Assert.Equal(2, engine.Generations);
    }

    [Fact]
    public async Task Post_Completion_TakesPromptAndAnswer()
    {
        await using TestApp app = await StartAsync(Keys, "Gemma2:TokensPerMinute=1000");

        using HttpResponseMessage response = await PostAsync(app, "the-first-key-of-a", "/v1/completions", Request);

        int charged = Vocabulary.Tokenizer.Encode("Hi").Length + 1 + 5;
        int left = int.Parse(Header(response, "x-ratelimit-remaining-tokens")!, CultureInfo.InvariantCulture);
        // It may have begun to fill again.
        Assert.InRange(left, 1000 - charged, 1000);
    }

    [Fact]
    public async Task Post_BadRequest_TakesNoTokens()
    {
        await using TestApp app = await StartAsync(Keys, "Gemma2:TokensPerMinute=50");

        using HttpResponseMessage bad = await PostAsync(app, "the-first-key-of-a", "/v1/completions", """{"model":"other","prompt":"Hi","max_tokens":400}""");
        using HttpResponseMessage good = await PostAsync(app, "the-first-key-of-a", "/v1/completions", Request);

        Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.OK), (bad.StatusCode, good.StatusCode));
    }

    [Fact]
    public async Task Get_KeyWithLimitsOfItsOwn_HasThem()
    {
        await using TestApp app = await StartAsync(Keys, "Gemma2:RequestsPerMinute=1", "Gemma2:KeyLimits=b=0/70");
        for (int i = 0; i < 3; i++)
        {
            using HttpResponseMessage free = await GetAsync(app, "the-only-key-of-b");
            Assert.Equal(HttpStatusCode.OK, free.StatusCode);
            Assert.Equal((null, "70"), (Header(free, "x-ratelimit-limit-requests"), Header(free, "x-ratelimit-limit-tokens")));
        }
    }

    [Theory]
    [InlineData("a=5")]
    [InlineData("a=5/6/7")]
    [InlineData("a/5=6")]
    [InlineData("c=5/6")]
    [InlineData("a=5/6,a=7/8")]
    [InlineData("a=-5/6")]
    [InlineData("a=5/10000001")]
    [InlineData("a=5/six")]
    [InlineData("a=5/6,")]
    [InlineData("")]
    public void TryParseList_NotAllowed_IsRefused(string list) => Assert.Null(RateLimit.TryParseList(list, new HashSet<string> { "a", "b" }));

    [Fact]
    public void TryParseList_Allowed_IsTaken()
    {
        IReadOnlyDictionary<string, RateLimit> limits = RateLimit.TryParseList("a=5/6, b=0/10000000", new HashSet<string> { "a", "b" })!;

        Assert.Equal((new RateLimit(5, 6), new RateLimit(0, 10_000_000)), (limits["a"], limits["b"]));
    }

    private static Task<TestApp> StartAsync(params string[] settings) => TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), settings);

    private static async Task<HttpResponseMessage> GetAsync(TestApp app, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models") { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", key) } };
        return await app.Client.SendAsync(request, Cancellation);
    }

    private static async Task<HttpResponseMessage> PostAsync(TestApp app, string key, string path, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Headers = { Authorization = new AuthenticationHeaderValue("Bearer", key) },
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        return await app.Client.SendAsync(request, Cancellation);
    }

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.Single() : null;
}
