namespace Gemma2.Service.Http.Access;

/// <summary>
/// The API keys that a request carries, in whichever headers its API's clients send them: OpenAI's <c>Authorization: Bearer</c>, Azure's <c>api-key</c>, Anthropic's <c>x-api-key</c>.
/// </summary>
internal static class GivenKeys
{
    private const string Scheme = "Bearer ";

    private static readonly string[] Headers = ["api-key", "x-api-key"];

    /// <summary>What stands in each of the headers. One that is empty, or an <c>Authorization</c> of another scheme, carries no key; one that is there twice carries a wrong one.</summary>
    public static IReadOnlyList<string> Of(HttpRequest request) =>
        [.. Headers.Select(name => request.Headers[name].ToString()).Append(Bearer(request)).Select(key => key.Trim()).Where(key => key.Length > 0)];

    private static string Bearer(HttpRequest request) =>
        request.Headers.Authorization.ToString() is var header && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? header[Scheme.Length..] : "";
}
