using Gemma2.Service.Http.Completions;
using Gemma2.Service.Options;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Net.Http.Headers;

namespace Gemma2.Service.Http.Access;

/// <summary>
/// Lets pages of other origins call the API from a browser, where the settings name their origins. A browser asks first, without a key, and is told so.
/// </summary>
internal static class CrossOrigin
{
    /// <summary>Stands for every origin.</summary>
    public const string Any = "*";

    private static readonly TimeSpan KeepsAnswer = TimeSpan.FromHours(1);

    // Those that clients read of answers, beside what a browser shows anyway.
    private static readonly string[] ExposedHeaders =
    [
        RequestIds.Header, "request-id", CompletionResponder.SeedHeader, HeaderNames.RetryAfter, HeaderNames.Location,
        .. RateLimits.Headers,
    ];

    /// <summary>Answers what browsers ask first, and marks answers that pages may read.</summary>
    public static void UseCrossOrigin(this IApplicationBuilder app, Gemma2Options options)
    {
        if (options.CorsOrigins.Count > 0)
            app.UseCors(policy => Set(policy, options.CorsOrigins));
    }

    private static void Set(CorsPolicyBuilder policy, IReadOnlyList<string> origins)
    {
        policy.AllowAnyMethod().AllowAnyHeader().WithExposedHeaders(ExposedHeaders).SetPreflightMaxAge(KeepsAnswer);
        if (origins.Contains(Any))
            policy.AllowAnyOrigin();
        else
            policy.SetIsOriginAllowedToAllowWildcardSubdomains().WithOrigins([.. origins]);
    }
}
