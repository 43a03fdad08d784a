using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Mime;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Gemma2.Service.Api;
using Gemma2.Service.Options;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Jobs.Callbacks;

/// <summary>Posts ended jobs, with the headers of Standard Webhooks. Source: https://www.standardwebhooks.com, specification 1.0.0.</summary>
internal sealed class CallbackSender(CallbackNetwork network, Gemma2Options options) : IDisposable
{
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(10);

    private readonly HttpClient _client = new(network.CreateHandler()) { Timeout = TimeLimit };

    /// <summary>Posts the job object. Gives null when the receiver took it, else why it did not.</summary>
    public async Task<string?> SendAsync(Uri url, JobSnapshot job, CancellationToken cancellationToken)
    {
        byte[] body = JsonBody.ToUtf8(json => JobJson.Write(json, job)).ToArray();
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(MediaTypeNames.Application.Json);
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("gemma2", null));
        Sign(request.Headers, MessageId(job), body);
        try
        {
            using HttpResponseMessage response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            return response.IsSuccessStatusCode ? null : $"the receiver answered {(int)response.StatusCode}";
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return $"no answer within {TimeLimit.TotalSeconds} s";
        }
        catch (Exception error) when (error is HttpRequestException or SocketException or IOException)
        {
            return error.GetBaseException().Message;
        }
    }

    public void Dispose() => _client.Dispose();

    /// <summary>The same for every try to tell of one end of a job, so that the receiver can tell copies.</summary>
    private static string MessageId(JobSnapshot job) =>
        "msg_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{job.Key} {job.FinishedAt:O}")).AsSpan(0, 16));

    private void Sign(HttpRequestHeaders headers, string id, byte[] body)
    {
        string timestamp = DateTimeOffset.UtcNow.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        headers.Add("webhook-id", id);
        headers.Add("webhook-timestamp", timestamp);
        if (options.CallbackSecret is not { } secret)
            return;
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{id}.{timestamp}."), .. body];
        headers.Add("webhook-signature", "v1," + Convert.ToBase64String(HMACSHA256.HashData(secret.Bytes, signed)));
    }
}
