using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gemma2.Chaos.Tests.Processes;
using Gemma2.Storage;

namespace Gemma2.Chaos.Tests.Work;

/// <summary>A client's way: over HTTP, to whichever replica answers just now.</summary>
internal sealed class HttpApiClient : IClient, IDisposable
{
    // Long enough for every run: what goes first differs, not what comes to its end.
    private static readonly string[] Windows = ["24h", "7d", "6h"];

    private readonly IReadOnlyList<Replica> _replicas;
    private readonly string? _callbackUrl;
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromMinutes(2) };
    private int _next, _quotaRefusals;

    public HttpApiClient(IReadOnlyList<Replica> replicas, string owner, string key, string? callbackUrl)
    {
        (_replicas, Owner, _callbackUrl) = (replicas, owner, callbackUrl);
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
    }

    public string? Owner { get; }

    /// <summary>How often its key's quota had no room.</summary>
    public int QuotaRefusals => _quotaRefusals;

    public async Task<OwnedId> SubmitBatchAsync(BatchInput input, string fileName, CancellationToken cancellationToken)
    {
        JsonElement file = await SendAsync(HttpMethod.Post, "/v1/files", () => Form(input, fileName), cancellationToken);
        string batch = new JsonObject
        {
            ["input_file_id"] = Id(file),
            ["endpoint"] = input.Endpoint,
            ["completion_window"] = Windows[fileName.Length % Windows.Length],
            ["metadata"] = new JsonObject { ["input"] = input.Name },
        }.ToJsonString();
        return new OwnedId(Owner, Id(await SendAsync(HttpMethod.Post, "/v1/batches", () => Json(batch), cancellationToken)));
    }

    public Task CancelBatchAsync(OwnedId batch, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, $"/v1/batches/{batch.Id}/cancel", () => null, cancellationToken, HttpStatusCode.BadRequest, HttpStatusCode.Conflict);

    public async Task<OwnedId> RetryBatchAsync(OwnedId batch, CancellationToken cancellationToken) =>
        new(Owner, Id(await SendAsync(HttpMethod.Post, $"/v1/batches/{batch.Id}/retry", () => null, cancellationToken)));

    public Task SubmitJobAsync(JobInput job, CancellationToken cancellationToken)
    {
        JsonObject body = JsonNode.Parse(job.Request.GetRawText())!.AsObject();
        body["id"] = job.Id;
        if (_callbackUrl is not null) body["callback_url"] = _callbackUrl;
        return SendAsync(HttpMethod.Post, "/v1/jobs", () => Json(body.ToJsonString()), cancellationToken);
    }

    public Task CancelJobAsync(string id, CancellationToken cancellationToken) => SendAsync(HttpMethod.Delete, $"/v1/jobs/{id}", () => null, cancellationToken);

    public void Dispose() => _http.Dispose();

    private static string Id(JsonElement answer) => answer.GetProperty("id").GetString()!;

    private static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");

    private static MultipartFormDataContent Form(BatchInput input, string fileName) => new()
    {
        { new StringContent("batch"), "purpose" },
        { new ByteArrayContent(input.Content), "file", fileName },
    };

    private Task<JsonElement> SendAsync(
        HttpMethod method, string path, Func<HttpContent?> content, CancellationToken cancellationToken, params HttpStatusCode[] alsoFine) =>
        Persistence.UntilItWorksAsync(
            async () =>
            {
                using var request = new HttpRequestMessage(method, new Uri(Replica(), path)) { Content = content() };
                using HttpResponseMessage response = await _http.SendAsync(request, cancellationToken);
                string body = await response.Content.ReadAsStringAsync(cancellationToken);
                if (response.StatusCode == HttpStatusCode.TooManyRequests && body.Contains("\"quota_exceeded\"", StringComparison.Ordinal))
                    Interlocked.Increment(ref _quotaRefusals);
                if (response.StatusCode is >= HttpStatusCode.InternalServerError or HttpStatusCode.TooManyRequests)
                    throw new HttpRequestException($"{(int)response.StatusCode}: {body}");
                Assert.True(response.IsSuccessStatusCode || alsoFine.Contains(response.StatusCode), $"{method} {path}: {(int)response.StatusCode} {body}");
                return JsonElement.Parse(body);
            },
            error => error is HttpRequestException or IOException or TaskCanceledException,
            cancellationToken);

    private Uri Replica()
    {
        for (int tries = 0; tries < _replicas.Count; tries++)
        {
            if (_replicas[Interlocked.Increment(ref _next) % _replicas.Count].Address is { } address) return address;
        }
        throw new HttpRequestException("No replica answers just now.");
    }
}
