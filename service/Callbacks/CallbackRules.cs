using Gemma2.Backend;
using Gemma2.Service.Options;

namespace Gemma2.Service.Callbacks;

/// <summary>Which addresses the end of a job or batch may be told: https, at a host that the operator allows by name.</summary>
internal sealed class CallbackRules(Gemma2Options options)
{
    /// <summary>So often it is tried to tell of one end, with longer and longer waits between.</summary>
    public const int MaxTries = 8;

    private const string AnyLabel = "*.";

    /// <summary>Reads what a request gives as <c>callback_url</c>.</summary>
    /// <exception cref="InvalidRequestException">It is not allowed; says what is.</exception>
    public Uri Parse(string text) =>
        !Uri.TryCreate(text, UriKind.Absolute, out Uri? url) ? throw Refused("callback_url is not an absolute address.")
        // As the job's message holds it: escaped, which can make it longer.
        : url.AbsoluteUri.Length > Storage.Jobs.JobMessage.MaxCallbackUrlLength
            ? throw Refused($"callback_url is {url.AbsoluteUri.Length} characters long when escaped; allowed are {Storage.Jobs.JobMessage.MaxCallbackUrlLength}.")
        : WhyRefused(url) is { } reason ? throw Refused(reason) : url;

    /// <summary>Why nothing may be posted to an address; null where it may.</summary>
    public string? WhyRefused(Uri url) =>
        url.Scheme != Uri.UriSchemeHttps ? "callback_url must be an https address."
        : url.UserInfo.Length > 0 ? "callback_url must not carry a user name or password."
        : options.CallbackHosts.Count == 0 ? "This server posts to no callback_url: Gemma2__CallbackHosts is not set."
        : !options.CallbackHosts.Any(allowed => Matches(allowed, url.IdnHost)) ? "The host of callback_url is not among those that this server posts to (Gemma2__CallbackHosts)."
        : null;

    private static bool Matches(string allowed, string host) => allowed.StartsWith(AnyLabel, StringComparison.Ordinal)
        ? host.Length >= allowed.Length && host.EndsWith(allowed[1..], StringComparison.OrdinalIgnoreCase)
        : host.Equals(allowed, StringComparison.OrdinalIgnoreCase);

    private static InvalidRequestException Refused(string reason) => new("callback_url", reason);
}
