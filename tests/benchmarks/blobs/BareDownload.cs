using System.Net;
using System.Net.Http.Headers;

namespace Gemma2.Benchmarks.Blobs;

/// <summary>
/// The measure: the same blob by plain requests for ranges, so many connections at once, each into a buffer of its own; no hash, no condition, and what is refused
/// is asked for again at once. The HTTP stack is the same.
/// </summary>
internal sealed class BareDownload(Uri blob, long length, int connections) : IDisposable
{
    private const int RangeBytes = 8 << 20;

    private readonly HttpClient _client = new(new SocketsHttpHandler { MaxConnectionsPerServer = 256, AllowAutoRedirect = false, UseCookies = false });

    public async Task RunAsync()
    {
        long next = 0;
        await Task.WhenAll(Enumerable.Range(0, connections).Select(_ => Task.Run(async () =>
        {
            byte[] buffer = GC.AllocateUninitializedArray<byte>(RangeBytes);
            for (long begin; (begin = Interlocked.Add(ref next, RangeBytes) - RangeBytes) < length;)
                while (!await TryReadAsync(begin, buffer.AsMemory(0, (int)Math.Min(RangeBytes, length - begin)))) { }
        })));
    }

    public void Dispose() => _client.Dispose();

    private async Task<bool> TryReadAsync(long begin, Memory<byte> buffer)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, blob);
        request.Headers.Range = new RangeHeaderValue(begin, begin + buffer.Length - 1);
        using HttpResponseMessage response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        if (response.StatusCode == HttpStatusCode.ServiceUnavailable) return false;
        response.EnsureSuccessStatusCode();
        await using Stream body = await response.Content.ReadAsStreamAsync();
        await body.ReadExactlyAsync(buffer);
        return true;
    }
}
