using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace Gemma2.Cli.Hub;

/// <summary>
/// Says what an answer of the hub means that is no success. Which header says what: huggingface_hub, utils/_http.py, hf_raise_for_status; limits:
/// https://huggingface.co/docs/hub/rate-limits.
/// </summary>
internal static partial class HubAnswers
{
    /// <summary>Whether the hub itself speaks, and not the store behind it.</summary>
    public static bool IsHubs(HttpResponseMessage answer) => Header(answer, "X-Error-Code") is not null;

    /// <summary>The error that an answer is.</summary>
    /// <param name="answer">An answer of status 400 or above.</param>
    /// <param name="settings">Who asked.</param>
    /// <param name="reference">What was asked for.</param>
    /// <param name="path">The file that was asked for; null where it was the repository.</param>
    public static HubException Error(HttpResponseMessage answer, HubSettings settings, HubReference reference, string? path)
    {
        string label = reference.Label, what = path is null ? label : $"{label}/{path}";
        string? message = Header(answer, "X-Error-Message");
        string page = $"{settings.Endpoint.ToString().TrimEnd('/')}/{reference.Repository}";
        int status = (int)answer.StatusCode;
        return (Header(answer, "X-Error-Code"), status) switch
        {
            ("GatedRepo", _) => new HubException(settings.Token is null
                ? $"{label} is gated: accept its terms at {page}, and give a token of that account in HF_TOKEN."
                : $"{label} is gated, and the account of the token has no access: accept its terms at {page}; a fine-grained token must allow gated repositories."),
            ("RevisionNotFound", _) => new HubException($"{label} has no revision '{reference.Revision}'."),
            ("EntryNotFound", _) => new HubException($"{label} has no file '{path}' at '{reference.Revision}'."),
            (_, 401) when settings.Token is not null && message?.StartsWith("Invalid credentials", StringComparison.OrdinalIgnoreCase) == true =>
                new HubException("The hub does not take the token in HF_TOKEN: it is wrong, or has expired."),
            ("RepoNotFound", _) or (null, 401) or (null, 404) when path is null || status == 401 => new HubException(settings.Token is null
                ? $"{label} does not exist, or is private: then HF_TOKEN must hold a token that may read it."
                : $"{label} does not exist, or is private and the token in HF_TOKEN may not read it."),
            (_, 408 or 429 or >= 500) => new HubException($"{what}: the hub answers {status}{Reason(message)}.") { MayPass = true, RetryAfter = RetryAfter(answer) },
            _ => new HubException($"{what}: the hub answers {status}{Reason(message)}."),
        };
    }

    /// <summary>How long to wait, by <c>Retry-After</c> or by what is left of the window of <c>RateLimit</c>; null where the answer does not say.</summary>
    public static TimeSpan? RetryAfter(HttpResponseMessage answer)
    {
        if (answer.Headers.RetryAfter is { } header) return header.Delta ?? header.Date - (answer.Headers.Date ?? DateTimeOffset.UtcNow);
        bool isLimited = answer.StatusCode == HttpStatusCode.TooManyRequests && Header(answer, "RateLimit") is { } limit && (Window().Match(limit) is { Success: true });
        return isLimited ? TimeSpan.FromSeconds(int.Parse(Window().Match(Header(answer, "RateLimit")!).Groups[1].ValueSpan, CultureInfo.InvariantCulture)) : null;
    }

    private static string Reason(string? message) => message is null ? "" : $" ({message})";

    private static string? Header(HttpResponseMessage answer, string name) => answer.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.FirstOrDefault() : null;

    // "resolvers";r=0;t=55
    [GeneratedRegex(@";\s*t=([0-9]{1,4})\b")]
    private static partial Regex Window();
}
