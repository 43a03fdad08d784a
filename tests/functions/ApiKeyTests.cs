using System.Net;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Http;
using Gemma2.Service.Http.Access;
using Gemma2.Service.Options;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gemma2.Functions.Tests;

public sealed class ApiKeyTests
{
    private const string Keys = "Gemma2:ApiKeys=first-key-0123456, second-key-012345";

    private const string ThreeKeys = "team-a=the-first-key-of-a,team-a=the-second-key-of-a,b=x=y-0123456789abc";

    private static FailedKeys NoFailures => new(TimeProvider.System, NullLogger<FailedKeys>.Instance);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Bearer first-key-0123456", HttpStatusCode.OK)]
    [InlineData("bearer second-key-012345", HttpStatusCode.OK)]
    [InlineData("Bearer first-key-0123456, second-key-012345", HttpStatusCode.Unauthorized)]
    [InlineData("Bearer first-key-012345", HttpStatusCode.Unauthorized)]
    [InlineData("Bearer ", HttpStatusCode.Unauthorized)]
    [InlineData("Basic first-key-0123456", HttpStatusCode.Unauthorized)]
    [InlineData("first-key-0123456", HttpStatusCode.Unauthorized)]
    [InlineData(null, HttpStatusCode.Unauthorized)]
    public async Task Get_WithKeys_NeedsOneOfThem(string? authorization, HttpStatusCode expected)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), Keys);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        request.Headers.TryAddWithoutValidation("Authorization", authorization);

        using HttpResponseMessage response = await app.Client.SendAsync(request, Cancellation);

        Assert.Equal(expected, response.StatusCode);
        if (expected == HttpStatusCode.Unauthorized)
            Assert.Contains("\"code\":\"invalid_api_key\"", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("api-key: the-first-key-of-a", "team-a")]
    [InlineData("X-Api-Key: x=y-0123456789abc", "b")]
    [InlineData("Authorization: Bearer the-first-key-of-a\napi-key: the-first-key-of-a", "team-a")]
    [InlineData("Authorization: Bearer the-first-key-of-a\nx-api-key: the-second-key-of-a", "team-a")]
    [InlineData("Authorization: Bearer \nx-api-key: the-first-key-of-a", "team-a")]
    [InlineData("Authorization: Basic eDp5\napi-key: the-first-key-of-a", "team-a")]
    [InlineData("Authorization: Bearer placeholder\napi-key: the-first-key-of-a", "team-a")]
    [InlineData("Authorization: Bearer the-first-key-of-a\napi-key: wrong", "team-a")]
    [InlineData("Authorization: Bearer wrong\napi-key: wrong", null)]
    [InlineData("Authorization: Bearer the-first-key-of-a\nx-api-key: x=y-0123456789abc", null)]
    [InlineData("api-key: Bearer the-first-key-of-a", null)]
    [InlineData("api-key: the-first-key-of-a\napi-key: the-first-key-of-a", null)]
    [InlineData("x-api-key: ", null)]
    [InlineData("x-key: the-first-key-of-a", null)]
    public async Task Invoke_WithKeysInSeveralHeaders_TakesThoseOfOneOwnerOnly(string headers, string? owner)
    {
        var http = new DefaultHttpContext();
        foreach (string[] header in headers.Split('\n').Select(line => line.Split(": ")))
            http.Request.Headers.Append(header[0], header[1]);

        try
        {
            await new ApiKeyCheck(_ => Task.CompletedTask, OptionsOf(ThreeKeys), NoFailures).InvokeAsync(http);
            Assert.Equal(owner, http.Owner());
        }
        catch (ApiException refused)
        {
            Assert.Null(owner);
            Assert.Equal(ApiError.InvalidApiKey, refused.Error);
        }
    }

    [Fact]
    public async Task Get_OfficialClientWithAKey_IsServed()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), Keys);
        Assert.Single((await app.OpenAIClient("second-key-012345").GetOpenAIModelClient().GetModelsAsync(Cancellation)).Value);
    }

    [Fact]
    public async Task Get_HealthWithoutAKey_IsServed()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), Keys);
        using HttpResponseMessage response = await app.Client.GetAsync("/healthz", Cancellation);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/v1/unknown")]
    [InlineData("/V1/models")]
    [InlineData("/CompletionRequest")]
    public async Task Post_WithoutAKey_IsRefusedWhateverThePath(string path)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), Keys);
        using HttpResponseMessage response = await app.PostAsync(path, "{}");
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Theory]
    [InlineData("127.0.0.1", null, true)]
    [InlineData("::1", null, true)]
    [InlineData("::ffff:127.0.0.1", null, true)]
    [InlineData("10.0.0.4", null, false)]
    [InlineData("::ffff:10.0.0.4", null, false)]
    [InlineData(null, null, false)]
    [InlineData("127.0.0.1", "127.0.0.1", true)]
    [InlineData("127.0.0.1", "127.0.0.1:5000, [::1]:4000", true)]
    [InlineData("127.0.0.1", "203.0.113.9", false)]
    [InlineData("127.0.0.1", "127.0.0.1, 203.0.113.9", false)]
    [InlineData("127.0.0.1", "203.0.113.9, 127.0.0.1", false)]
    [InlineData("127.0.0.1", "unknown", false)]
    [InlineData("127.0.0.1", "", false)]
    public async Task Invoke_WithoutKeys_ServesLoopbackOnly(string? peer, string? forwardedFor, bool expected)
    {
        (bool served, ApiException? refused) = await InvokeAsync(new Gemma2Options { Model = "nano" }, peer, forwardedFor);

        Assert.Equal(expected, served);
        Assert.Equal(expected ? null : 403, refused?.Error.Status);
    }

    [Fact]
    public async Task Invoke_WithoutKeysAndAnonymousAllowed_ServesEveryClient()
    {
        (bool served, _) = await InvokeAsync(new Gemma2Options { Model = "nano", AllowAnonymous = true }, "10.0.0.4", "203.0.113.9");

        Assert.True(served);
    }

    [Theory]
    [InlineData("the-first-key-of-a", "team-a")]
    [InlineData("the-second-key-of-a", "team-a")]
    [InlineData("x=y-0123456789abc", "b")]
    public async Task Invoke_WithAKey_TellsWhoItsOwnerIs(string key, string owner)
    {
        var http = new DefaultHttpContext { Request = { Headers = { Authorization = $"Bearer {key}" } } };

        await new ApiKeyCheck(_ => Task.CompletedTask, OptionsOf(ThreeKeys), NoFailures).InvokeAsync(http);

        Assert.Equal(owner, http.Owner());
    }

    private static Gemma2Options OptionsOf(string keys) => new() { Model = "nano", ApiKeys = ApiKey.TryParseList(keys)! };

    private static async Task<(bool Served, ApiException? Refused)> InvokeAsync(Gemma2Options options, string? peer, string? forwardedFor)
    {
        bool served = false;
        RequestDelegate next = _ =>
        {
            served = true;
            return Task.CompletedTask;
        };
        var check = new ApiKeyCheck(next, options, NoFailures);
        var http = new DefaultHttpContext { Request = { Path = "/v1/models" } };
        http.Connection.RemoteIpAddress = peer is null ? null : IPAddress.Parse(peer);
        if (forwardedFor is not null)
            http.Request.Headers["X-Forwarded-For"] = forwardedFor;

        try
        {
            await check.InvokeAsync(http);
            return (served, null);
        }
        catch (ApiException error)
        {
            return (served, error);
        }
    }
}
