namespace Gemma2.Cli.Hub;

/// <summary>
/// Where the hub is and who asks, from the environment variables that its own tools read: HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HF_HOME, XDG_CACHE_HOME,
/// HF_HUB_DISABLE_IMPLICIT_TOKEN. Source: huggingface_hub, constants.py and utils/_auth.py.
/// </summary>
/// <param name="Endpoint">The hub's address, without a slash at its end.</param>
/// <param name="Token">Who asks; null where nobody says so. Never printed.</param>
internal sealed record HubSettings(Uri Endpoint, string? Token)
{
    private const string DefaultEndpoint = "https://huggingface.co";

    /// <summary>Reads the process's environment.</summary>
    /// <exception cref="HubException">A variable is not usable; the message names it, never its secret.</exception>
    public static HubSettings FromEnvironment() => From(Environment.GetEnvironmentVariable);

    /// <summary>Reads an environment.</summary>
    /// <param name="variable">Gives a variable's value, or null.</param>
    /// <exception cref="HubException">A variable is not usable.</exception>
    public static HubSettings From(Func<string, string?> variable)
    {
        string? Value(string name) => variable(name) is { } value && !string.IsNullOrWhiteSpace(value) ? value.Trim() : null;

        string endpoint = (Value("HF_ENDPOINT") ?? DefaultEndpoint).TrimEnd('/');
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("https" or "http") || uri.UserInfo.Length > 0 || uri.Query.Length > 0)
            throw new HubException("HF_ENDPOINT is no address; expected is one such as https://huggingface.co.");
        (string? token, string source) = (Value("HF_TOKEN") ?? Value("HUGGING_FACE_HUB_TOKEN"), "HF_TOKEN");
        if (token is null && !IsTrue(Value("HF_HUB_DISABLE_IMPLICIT_TOKEN")))
        {
            source = TokenPath(Value);
            token = ReadToken(source);
        }
        if (token?.All(letter => letter is > ' ' and < '\x7f') == false) throw new HubException($"{source} holds no token: there are characters in it that none has.");
        return new HubSettings(uri, token);
    }

    /// <summary>Never shows the token.</summary>
    public override string ToString() => Endpoint.ToString();

    private static string TokenPath(Func<string, string?> value)
    {
        string home = value("HOME") ?? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string Expanded(string path) => path == "~" || path.StartsWith("~/", StringComparison.Ordinal) ? home + path[1..] : path;

        string cache = Expanded(value("XDG_CACHE_HOME") ?? Path.Combine(home, ".cache"));
        return Expanded(value("HF_TOKEN_PATH") ?? Path.Combine(Expanded(value("HF_HOME") ?? Path.Combine(cache, "huggingface")), "token"));
    }

    private static string? ReadToken(string path)
    {
        try
        {
            return File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } token ? token : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HubException($"The token in {path} cannot be read: {e.Message}", e);
        }
    }

    private static bool IsTrue(string? value) => value?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE";
}
