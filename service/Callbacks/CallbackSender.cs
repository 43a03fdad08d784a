using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Mime;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Gemma2.Service.Options;

namespace Gemma2.Service.Callbacks;

/// <summary>Posts the ends of jobs and batches, with the headers of Standard Webhooks. Source: https://www.standardwebhooks.com, specification 1.0.0.</summary>
internal sealed class CallbackSender(CallbackNetwork network, Gemma2Options options) : IDisposable
{
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(10);

    private readonly HttpClient _client = new(network.CreateHandler()) { Timeout = TimeLimit };

    /// <summary>Posts JSON. Gives null when the receiver took it, else why it did not.</summary>
    /// <param name="url">Where to.</param>
    /// <param name="id">The same for every try to tell of one end, so that the receiver can tell copies.</param>
    /// <param name="body">UTF-8.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<string?> SendAsync(Uri url, string id, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ReadOnlyMemoryContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(MediaTypeNames.Application.Json);
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("gemma2", null));
        Sign(request.Headers, id, body);
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

    private void Sign(HttpRequestHeaders headers, string id, ReadOnlyMemory<byte> body)
    {
        string timestamp = DateTimeOffset.UtcNow.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        headers.Add("webhook-id", id);
        headers.Add("webhook-timestamp", timestamp);
        if (options.CallbackSecret is not { } secret)
            return;
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{id}.{timestamp}."), .. body.Span];
        headers.Add("webhook-signature", "v1," + Convert.ToBase64String(HMACSHA256.HashData(secret.Bytes, signed)));
    }
}
