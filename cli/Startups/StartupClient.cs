using System.Net.Http.Headers;
using System.Text.Json;
using Gemma2.Backend.Startup;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Startups;

/// <summary>Asks a running app for its starts.</summary>
internal static class StartupClient
{
    /// <summary>Where the app is, when the command line does not say it.</summary>
    public const string UrlVariable = "GEMMA2_URL";

    /// <summary>The API key.</summary>
    public const string KeyVariable = "GEMMA2_API_KEY";

    private const int LargestAnswer = 4 << 20;

    // An app that wakes from zero answers when it listens.
    private static readonly TimeSpan TimeLimit = TimeSpan.FromMinutes(5);

    /// <summary>Whether a text is the address of an app, and no model.</summary>
    public static bool IsUrl(string text) => Uri.TryCreate(text, UriKind.Absolute, out Uri? url) && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps);

    /// <summary>The app's last starts, in the order in which they began.</summary>
    /// <exception cref="StartupException">It does not tell them.</exception>
    public static async Task<IReadOnlyList<StartupReport>> AskAsync(string url, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = new Uri(url), Timeout = TimeLimit, MaxResponseContentBufferSize = LargestAnswer };
        if (Environment.GetEnvironmentVariable(KeyVariable) is { Length: > 0 } key) http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        try
        {
            using HttpResponseMessage response = await http.GetAsync("startup", cancellationToken);
            string answer = await response.Content.ReadAsStringAsync(cancellationToken);
            if (response.IsSuccessStatusCode) return StartupFile.Parse(answer, url);
            using JsonDocument error = JsonDocument.Parse(answer);
            string message = error.RootElement.GetProperty("error").GetProperty("message").GetString() ?? "";
            throw new StartupException($"{url} says {(int)response.StatusCode}: {ErrorText.OneLine(message)} The key is read from {KeyVariable}.");
        }
        catch (Exception error) when (error is HttpRequestException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new StartupException($"{url} gives no answer of this service: {ErrorText.OneLine(error.GetBaseException().Message)}");
        }
        catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new StartupException($"{url} gives no answer within {Times.Describe(TimeLimit)}.");
        }
    }
}
