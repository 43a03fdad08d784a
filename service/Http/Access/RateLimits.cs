using System.Globalization;
using Gemma2.Service.Api;
using Gemma2.Service.Limits;
using Gemma2.Service.Options;
using Gemma2.Storage.Limits;

namespace Gemma2.Service.Http.Access;

/// <summary>
/// How much each key may still ask for: this process, or, where limits are shared, all together. What is over the limit is refused with OpenAI's 429; every answer carries OpenAI's
/// <c>x-ratelimit-*</c> headers where there is a limit. Without keys all clients share one. Source: OpenAI, "Rate limits in headers".
/// </summary>
internal sealed class RateLimits
{
    // What an answer is taken for whose length the request leaves open.
    private const int DefaultAnswerTokens = 256;

    private const string NoKey = "";

    /// <summary>The headers that tell of limits.</summary>
    public static readonly string[] Headers =
        [.. from kind in new[] { Requests, Tokens } from what in new[] { "limit", "remaining", "reset" } select $"x-ratelimit-{what}-{kind}"];

    private const string Requests = "requests";
    private const string Tokens = "tokens";

    private readonly Dictionary<string, (IMinuteLimit? Requests, IMinuteLimit? Tokens)> _buckets;

    /// <param name="options">The settings.</param>
    /// <param name="time">What fills them.</param>
    /// <param name="log">Says where a shared limit is not.</param>
    /// <param name="claims">Where processes share limits; null without storage.</param>
    public RateLimits(Gemma2Options options, TimeProvider time, ILogger<SharedLimit> log, MinuteClaims? claims = null)
    {
        MinuteClaims? shared = options.SharedLimits ? claims : null;
        IEnumerable<string> names = options.ApiKeys.Count > 0 ? options.ApiKeys.Select(key => key.Name).Distinct() : [NoKey];
        _buckets = names.ToDictionary(name => name, (IMinuteLimit? Requests, IMinuteLimit? Tokens) (string name) =>
        {
            RateLimit limit = options.KeyLimits.GetValueOrDefault(name, new RateLimit(options.RequestsPerMinute, options.TokensPerMinute));
            return (New(name, Requests, limit.Requests), New(name, Tokens, limit.Tokens));
        });

        IMinuteLimit? New(string name, string kind, int size) =>
            size == 0 ? null
            : shared is null ? new MinuteBucket(size, time)
            : new SharedLimit(name.Length > 0 ? $"{name}/{kind}" : kind, size, shared, time, log);
    }

    /// <summary>Takes one request from the sender's limit.</summary>
    /// <exception cref="ApiException">Status 429: it has none left.</exception>
    public ValueTask ChargeRequestAsync(HttpContext http) => ChargeAsync(Of(http).Requests, 1, Requests, http.RequestAborted);

    /// <summary>Takes the tokens of prompts and answers from the sender's limit: no more than the limit, so that a long request is never refused for good.</summary>
    /// <param name="http">The request.</param>
    /// <param name="promptTokens">Tokens of the prompts; 0 where they are not known.</param>
    /// <param name="answers">How many answers are generated.</param>
    /// <param name="maxTokens">The longest answer, where the request says.</param>
    /// <exception cref="ApiException">Status 429: it has not so many left.</exception>
    public ValueTask ChargeTokensAsync(HttpContext http, int promptTokens, int answers, int? maxTokens) =>
        ChargeAsync(Of(http).Tokens, (int)Math.Min(promptTokens + ((long)answers * (maxTokens ?? DefaultAnswerTokens)), int.MaxValue), Tokens, http.RequestAborted);

    /// <summary>Writes what is left of the sender's limits, where it has any.</summary>
    public void WriteHeaders(HttpContext http)
    {
        (IMinuteLimit? requests, IMinuteLimit? tokens) = Of(http);
        WriteHeaders(http.Response.Headers, requests, Requests);
        WriteHeaders(http.Response.Headers, tokens, Tokens);
    }

    private (IMinuteLimit? Requests, IMinuteLimit? Tokens) Of(HttpContext http) => _buckets[http.Owner() ?? NoKey];
    private static async ValueTask ChargeAsync(IMinuteLimit? limit, int amount, string kind, CancellationToken cancellationToken)
    {
        if (limit is not null && await limit.TryTakeAsync(amount, cancellationToken) is { } wait)
            throw new ApiException(ApiError.RateLimited(kind, limit.Size, wait));
    }

    private static void WriteHeaders(IHeaderDictionary headers, IMinuteLimit? bucket, string kind)
    {
        if (bucket is null)
            return;
        headers[$"x-ratelimit-limit-{kind}"] = bucket.Size.ToString(CultureInfo.InvariantCulture);
        headers[$"x-ratelimit-remaining-{kind}"] = bucket.Content.ToString(CultureInfo.InvariantCulture);
        headers[$"x-ratelimit-reset-{kind}"] = $"{Math.Ceiling(bucket.UntilFull.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)}ms";
    }
}
