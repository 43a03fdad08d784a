using System.CommandLine;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage.Batches;

namespace Gemma2.Cli.Commands.Batches;

/// <summary><c>gemma2 batch estimate</c>: what a file of requests would take. The service says so, since it has the model: this command alone speaks HTTP.</summary>
internal static class BatchEstimateCommand
{
    private const string UrlVariable = "GEMMA2_URL";
    private const string KeyVariable = "GEMMA2_API_KEY";

    // The service takes ten seconds at most; the file must be sent before.
    private static readonly TimeSpan TimeLimit = TimeSpan.FromMinutes(10);

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> file = new("FILE") { Description = "Requests as for batch submit." };
        Option<string?> url = Values.Word("--url", $"The service (without it: {UrlVariable}).", "URL", "http and https addresses", IsUrl);
        Option<string?> endpoint = Values.Word(
            "--endpoint", $"What every line calls (without it: {BatchEndpoint.All[0]}).", "PATH", BatchEndpoint.Allowed, path => BatchEndpoint.TryFind(path) is not null);
        Option<string?> window = Values.Text("--window", "How long it may take, 1h to 168h or 1d to 7d (without it: 24h).", "24h");
        Option<bool> json = Shared.Json();
        var command = new Command("estimate", $"Say what a batch would take: requests, tokens, time, cost. Asks the service over HTTP, with the key in {KeyVariable}.") { file, url, endpoint, window, json };
        command.SetAction((parse, cancellationToken) => RunAsync(
            parse.GetRequiredValue(file), parse.GetValue(url), parse.GetValue(endpoint) ?? BatchEndpoint.All[0], parse.GetValue(window) ?? "24h", parse.GetValue(json), cancellationToken));
        return command;
    }

    private static bool IsUrl(string text) => Uri.TryCreate(text, UriKind.Absolute, out Uri? url) && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps);

    private static async Task RunAsync(string path, string? url, string endpoint, string window, bool json, CancellationToken cancellationToken)
    {
        string service = url ?? Environment.GetEnvironmentVariable(UrlVariable) ?? throw new BatchException($"Where is the service? Give --url, or set {UrlVariable}.");
        if (!IsUrl(service)) throw new BatchException($"{UrlVariable} is '{service}'; allowed are http and https addresses.");
        using var http = new HttpClient { BaseAddress = new Uri(service), Timeout = TimeLimit };
        if (Environment.GetEnvironmentVariable(KeyVariable) is { Length: > 0 } key) http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        JsonElement estimate = await EstimateAsync(http, path, endpoint, window, cancellationToken);
        if (json) Console.WriteLine(estimate.GetRawText());
        else Tables.Print(["estimate", Path.GetFileName(path)], Facts(estimate));
    }

    private static async Task<JsonElement> EstimateAsync(HttpClient http, string path, string endpoint, string window, CancellationToken cancellationToken)
    {
        await using FileStream content = File.OpenRead(path);
        using var form = new MultipartFormDataContent { { new StringContent("batch"), "purpose" }, { new StreamContent(content), "file", Path.GetFileName(path) } };
        string file = (await SendAsync(http, HttpMethod.Post, "v1/files", form, cancellationToken)).GetProperty("id").GetString()!;
        try
        {
            using var order = new StringContent(Order(file, endpoint, window), Encoding.UTF8, "application/json");
            return await SendAsync(http, HttpMethod.Post, "v1/batches/estimate", order, cancellationToken);
        }
        finally
        {
            // It was stored for this alone.
            await SendAsync(http, HttpMethod.Delete, $"v1/files/{file}", null, CancellationToken.None);
        }
    }

    private static string Order(string file, string endpoint, string window)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("input_file_id", file);
            json.WriteString("endpoint", endpoint);
            json.WriteString("completion_window", window);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static async Task<JsonElement> SendAsync(HttpClient http, HttpMethod method, string path, HttpContent? content, CancellationToken cancellationToken)
    {
        try
        {
            using var request = new HttpRequestMessage(method, path) { Content = content };
            using HttpResponseMessage response = await http.SendAsync(request, cancellationToken);
            JsonElement answer = JsonElement.Parse(await response.Content.ReadAsByteArrayAsync(cancellationToken));
            return response.IsSuccessStatusCode
                ? answer
                : throw new BatchException($"The service says {(int)response.StatusCode}: {ErrorText.OneLine(answer.GetProperty("error").GetProperty("message").GetString() ?? "")}");
        }
        catch (Exception error) when (error is HttpRequestException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new BatchException($"{http.BaseAddress} gives no answer of this service: {ErrorText.OneLine(error.GetBaseException().Message)}");
        }
    }

    private static IEnumerable<IReadOnlyList<string>> Facts(JsonElement estimate)
    {
        bool isExact = Number(estimate, "lines") == Number(estimate, "counted_lines");
        string about = isExact ? "" : "about ";
        yield return ["requests", $"{about}{Text(estimate, "lines")}, of which {Text(estimate, "bad_lines")} would fail"];
        if (!isExact) yield return ["", $"counted are {Text(estimate, "counted_lines")}: the file is long"];
        yield return ["tokens", $"{about}{Text(estimate, "prompt_tokens")} in, at most {Text(estimate, "max_output_tokens")} new"];
        yield return ["before it", $"{Text(estimate, "tokens_ahead")} tokens of other batches"];
        yield return ["speed", $"{Text(estimate, "tokens_per_second")} tokens/s for each process"];
        string window = estimate.GetProperty("fits_window").GetBoolean() ? "within its window" : "after its window has ended";
        yield return ["ends", $"{Times.Describe(DateTimeOffset.FromUnixTimeSeconds(Number(estimate, "expected_end_at")))} with one process, {window}"];
        if (estimate.GetProperty("cost") is { ValueKind: JsonValueKind.Object } cost) yield return ["cost", $"at most {cost.GetProperty("total").GetRawText()} {cost.GetProperty("currency").GetString()}"];
        if (estimate.GetProperty("errors") is { ValueKind: JsonValueKind.Object } errors)
        {
            foreach (JsonElement error in errors.GetProperty("data").EnumerateArray().Take(BatchText.ErrorsShown))
                yield return [$"line {error.GetProperty("line").GetRawText()}", ErrorText.OneLine(error.GetProperty("message").GetString() ?? "")];
        }
    }

    private static long Number(JsonElement estimate, string name) => estimate.GetProperty(name).GetInt64();

    private static string Text(JsonElement estimate, string name) => estimate.GetProperty(name).GetDecimal().ToString("#,0.#", CultureInfo.InvariantCulture);
}
