using System.Net;
using Gemma2.Service.Options;

namespace Gemma2.Functions.Tests;

/// <summary>What browsers are told that call from pages of other origins.</summary>
public sealed class CrossOriginTests
{
    private const string Page = "https://chat.example.com";
    private const string Keys = "Gemma2:ApiKeys=key-0123456789abcdef";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Page, Page, Page)]
    [InlineData("https://*.example.com", Page, Page)]
    [InlineData("*", Page, "*")]
    [InlineData("http://localhost:3000, https://chat.example.com", Page, Page)]
    [InlineData(Page, "https://other.example.com", null)]
    [InlineData("https://*.example.com", "https://example.com.evil.net", null)]
    [InlineData("https://*.example.com", "http://chat.example.com", null)]
    [InlineData(Page, "null", null)]
    public async Task Preflight_Origin_IsAnsweredWithoutAKey(string allowed, string origin, string? expected)
    {
        await using TestApp app = await StartAsync(Keys, "Gemma2:CorsOrigins=" + allowed);

        using HttpResponseMessage response = await PreflightAsync(app, "/v1/chat/completions", origin);

        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        Assert.Equal(expected, Header(response, "Access-Control-Allow-Origin"));
        if (expected is not null)
        {
            Assert.Contains("POST", Header(response, "Access-Control-Allow-Methods"), StringComparison.Ordinal);
            Assert.Equal("authorization,content-type,x-stainless-os", Header(response, "Access-Control-Allow-Headers"));
            Assert.Equal("3600", Header(response, "Access-Control-Max-Age"));
        }
        Assert.Null(Header(response, "Access-Control-Allow-Credentials"));
    }

    [Theory]
    [InlineData("/v1/models", "key-0123456789abcdef", 200)]
    [InlineData("/v1/models", "wrong", 401)]
    [InlineData("/v1/nowhere", "key-0123456789abcdef", 404)]
    [InlineData("/healthz", "wrong", 200)]
    public async Task Get_FromAPage_IsReadableThereWhateverComes(string path, string key, int status)
    {
        await using TestApp app = await StartAsync(Keys, "Gemma2:CorsOrigins=" + Page, "Gemma2:RequestsPerMinute=100");

        using HttpResponseMessage response = await GetAsync(app, path, key, Page);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(Page, Header(response, "Access-Control-Allow-Origin"));
        string exposed = Header(response, "Access-Control-Expose-Headers")!;
        foreach (string header in (string[])["x-request-id", "x-ratelimit-limit-requests", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens", "Retry-After", "Gemma2-Seed"])
            Assert.Contains(header, exposed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_NoOriginsSet_SaysNothing()
    {
        await using TestApp app = await StartAsync(Keys);

        using HttpResponseMessage asked = await PreflightAsync(app, "/v1/chat/completions", Page);
        using HttpResponseMessage got = await GetAsync(app, "/v1/models", "key-0123456789abcdef", Page);

        Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.OK), (asked.StatusCode, got.StatusCode));
        Assert.Equal((null, null), (Header(asked, "Access-Control-Allow-Origin"), Header(got, "Access-Control-Allow-Origin")));
    }

    [Theory]
    [InlineData("https://chat.example.com/")]
    [InlineData("https://chat.example.com/app")]
    [InlineData("chat.example.com")]
    [InlineData("ftp://chat.example.com")]
    [InlineData("https://user@chat.example.com")]
    [InlineData("https://*")]
    [InlineData("https://chat.*.com")]
    [InlineData("*, https://chat.example.com")]
    [InlineData("https://a.example.com,")]
    [InlineData("null")]
    public void TryParseList_NotAllowed_IsRefused(string list) => Assert.Null(CorsOrigin.TryParseList(list));

    private static Task<TestApp> StartAsync(params string[] settings) => TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), settings);

    private static async Task<HttpResponseMessage> PreflightAsync(TestApp app, string path, string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, path)
        {
            Headers = { { "Origin", origin }, { "Access-Control-Request-Method", "POST" }, { "Access-Control-Request-Headers", "authorization,content-type,x-stainless-os" } },
        };
        return await app.Client.SendAsync(request, Cancellation);
    }

    private static async Task<HttpResponseMessage> GetAsync(TestApp app, string path, string key, string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "Origin", origin }, { "Authorization", $"Bearer {key}" } } };
        return await app.Client.SendAsync(request, Cancellation);
    }

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? string.Join(",", values) : null;
}
