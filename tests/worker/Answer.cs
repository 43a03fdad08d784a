using System.Text.RegularExpressions;

namespace Gemma2.Worker.Tests;

/// <summary>An answer as text that is the same for the same question: what no two answers have in common is left out or replaced.</summary>
internal static partial class Answer
{
    // Dates are the times of the answers; the host names itself where the app by itself does not; each request has an id of its own.
    private static readonly string[] OfTheServer = ["Date", "Server", "x-request-id"];

    /// <summary>Sends a request and reads the answer.</summary>
    public static async Task<string> ReadAsync(App app, HttpMethod method, string path, HttpContent? content, string? key = App.Key)
    {
        // The path as it is: the client would make another of some.
        var uri = new Uri(app.Http.BaseAddress!.AbsoluteUri.TrimEnd('/') + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using var request = new HttpRequestMessage(method, uri) { Content = content };
        request.Headers.Authorization = key is null ? null : new("Bearer", key);
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        using HttpResponseMessage response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        string body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        IEnumerable<string> headers = response.Headers.Concat(response.Content.Headers)
            .Where(header => !OfTheServer.Contains(header.Key, StringComparer.OrdinalIgnoreCase)).Select(header => $"{header.Key}: {string.Join(", ", header.Value)}").Order(StringComparer.Ordinal);
        return Equalize($"{(int)response.StatusCode} {response.ReasonPhrase}\n{string.Join('\n', headers)}\n\n{body}");
    }

    private static string Equalize(string answer) => Heartbeats().Replace(Times().Replace(Ids().Replace(answer, "$1-ID"), "$1TIME"), "");

    [GeneratedRegex("\\b(chatcmpl|cmpl|file|batch)-[0-9a-f]{8,}")]
    private static partial Regex Ids();

    [GeneratedRegex("(\"(?:created|created_at|expires_at|in_progress_at)\":)\\d+")]
    private static partial Regex Times();

    // How long a stream was silent.
    [GeneratedRegex("^: heartbeat\n\n", RegexOptions.Multiline)]
    private static partial Regex Heartbeats();
}
