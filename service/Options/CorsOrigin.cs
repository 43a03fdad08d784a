namespace Gemma2.Service.Options;

/// <summary>An origin whose pages may call the API: <c>https://chat.example.com</c>, <c>https://*.example.com</c> for all below it, or <c>*</c> for every one.</summary>
internal static class CorsOrigin
{
    /// <summary>What is allowed, for messages.</summary>
    public const string Allowed = "* alone, or origins such as https://chat.example.com, https://*.example.com or http://localhost:3000, separated by single commas";

    /// <summary>Reads a list of origins; null when it is not <see cref="Allowed"/>.</summary>
    public static IReadOnlyList<string>? TryParseList(string list)
    {
        string[] origins = list.Split(',', StringSplitOptions.TrimEntries);
        return origins is ["*"] || origins.All(IsOrigin) ? origins : null;
    }

    // An origin is scheme, host and port: a browser sends no path, not even '/'.
    private static bool IsOrigin(string text)
    {
        string plain = text.Replace("://*.", "://any.", StringComparison.Ordinal);
        return !plain.Contains('*', StringComparison.Ordinal)
            && Uri.TryCreate(plain, UriKind.Absolute, out Uri? uri)
            && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
            && uri.UserInfo.Length == 0
            && uri.GetLeftPart(UriPartial.Authority).Equals(plain, StringComparison.OrdinalIgnoreCase);
    }
}
