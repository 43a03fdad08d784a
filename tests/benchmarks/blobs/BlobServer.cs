using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security;
using System.Text;

namespace Gemma2.Benchmarks.Blobs;

/// <summary>
/// A blob service on loopback that is no brake: it answers what readers of models ask (blobs, ranges, conditions, properties, lists), with storage's headers, from
/// the page cache straight into the socket; and makes the link as bad as it is told. Nothing can be written, and no signature is checked.
/// </summary>
internal sealed class BlobServer : IDisposable
{
    private const int PieceBytes = 256 << 10;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly IReadOnlyDictionary<string, ServedBlob> _blobs;
    private readonly LinkLimits _limits;

    /// <summary>Listens.</summary>
    /// <param name="blobs">What it serves, by <c>CONTAINER/BLOB</c>.</param>
    /// <param name="limits">What the link does not give.</param>
    public BlobServer(IReadOnlyDictionary<string, ServedBlob> blobs, LinkLimits limits)
    {
        (_blobs, _limits) = (blobs, limits);
        _listener.Start(512);
    }

    /// <summary>Leads to it, as storage's account.</summary>
    public string ConnectionString
    {
        get
        {
            string address = $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/loopback";
            return $"DefaultEndpointsProtocol=http;AccountName=loopback;AccountKey=bm90IGNoZWNrZWQ=;BlobEndpoint={address};QueueEndpoint={address};";
        }
    }

    /// <summary>Serves until it is told to stop.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Socket socket = await _listener.AcceptSocketAsync(cancellationToken);
            socket.NoDelay = true;
            _ = Task.Run(() => ServeAsync(socket, cancellationToken), cancellationToken);
        }
    }

    public void Dispose() => _listener.Dispose();

    private async Task ServeAsync(Socket socket, CancellationToken cancellationToken)
    {
        using Socket _ = socket;
        byte[] buffer = new byte[16 << 10];
        int filled = 0;
        try
        {
            while (true)
            {
                int end;
                while ((end = buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8)) < 0)
                {
                    int count = await socket.ReceiveAsync(buffer.AsMemory(filled), cancellationToken);
                    if (count == 0) return;
                    filled += count;
                }
                BlobRequest request = BlobRequest.Parse(buffer.AsSpan(0, end));
                filled = await PassOverAsync(socket, buffer, filled, end + 4 + request.BodyLength, cancellationToken);
                await AnswerAsync(socket, request, cancellationToken);
            }
        }
        catch (SocketException)
        {
            // The client is gone: what was asked twice and came once.
        }
    }

    /// <summary>Takes what was read away, a body that was not read yet included; gives what is left.</summary>
    private static async Task<int> PassOverAsync(Socket socket, byte[] buffer, int filled, int used, CancellationToken cancellationToken)
    {
        if (filled >= used)
        {
            buffer.AsSpan(used, filled - used).CopyTo(buffer);
            return filled - used;
        }
        for (int left = used - filled; left > 0;) left -= await socket.ReceiveAsync(buffer.AsMemory(0, Math.Min(left, buffer.Length)), cancellationToken);
        return 0;
    }

    private Task AnswerAsync(Socket socket, BlobRequest request, CancellationToken cancellationToken) => request switch
    {
        { Method: "GET", Query: var query } when query.GetValueOrDefault("comp") == "list" => SendAsync(socket, request, 200, List(request), "Content-Type: application/xml\r\n", cancellationToken),
        { Method: "GET" } when request.Path.EndsWith("/messages", StringComparison.Ordinal) => SendAsync(socket, request, 200, "<QueueMessagesList />", "Content-Type: application/xml\r\n", cancellationToken),
        { Method: "GET" or "HEAD" } => BlobAsync(socket, request, cancellationToken),
        { Method: "PUT", Query: var query } when query.GetValueOrDefault("restype") == "container" => RefuseAsync(socket, request, 409, "ContainerAlreadyExists", cancellationToken),
        // What is left that is put without a word about blobs is a queue: it is there.
        { Method: "PUT" } when !request.Headers.ContainsKey("x-ms-blob-type") => SendAsync(socket, request, 204, "", "", cancellationToken),
        _ => RefuseAsync(socket, request, 403, "AuthorizationPermissionMismatch", cancellationToken),
    };

    private async Task BlobAsync(Socket socket, BlobRequest request, CancellationToken cancellationToken)
    {
        if (!_blobs.TryGetValue(request.Path, out ServedBlob? blob))
        {
            await RefuseAsync(socket, request, 404, "BlobNotFound", cancellationToken);
            return;
        }
        if (request.Headers.TryGetValue("If-Match", out string? version) && version != blob.Version)
        {
            await RefuseAsync(socket, request, 412, "ConditionNotMet", cancellationToken);
            return;
        }
        (long begin, long end, bool isPart) = request.Range(blob.Length);
        if (isPart && begin >= blob.Length)
        {
            await RefuseAsync(socket, request, 416, "InvalidRange", cancellationToken);
            return;
        }
        if (isPart && request.Method == "GET" && await IsRefusedAsync(socket, request, cancellationToken)) return;
        string about = $"ETag: {blob.Version}\r\nLast-Modified: {blob.Changed:R}\r\nContent-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\nx-ms-blob-type: BlockBlob\r\n"
            + (isPart ? string.Create(CultureInfo.InvariantCulture, $"Content-Range: bytes {begin}-{end - 1}/{blob.Length}\r\n") : "");
        await socket.SendAsync(Head(request, isPart ? 206 : 200, end - begin, about), cancellationToken);
        if (request.Method == "GET") await SendBodyAsync(socket, blob, begin, end, cancellationToken);
    }

    private async Task<bool> IsRefusedAsync(Socket socket, BlobRequest request, CancellationToken cancellationToken)
    {
        long number = _limits.NextRange();
        TimeSpan delay = _limits.Delay(number);
        if (delay > TimeSpan.Zero) await Task.Delay(delay, cancellationToken);
        if (!_limits.IsBusy(number)) return false;
        await RefuseAsync(socket, request, 503, "ServerBusy", cancellationToken);
        return true;
    }

    private async Task SendBodyAsync(Socket socket, ServedBlob blob, long begin, long end, CancellationToken cancellationToken)
    {
        DateTime free = DateTime.UtcNow;
        while (begin < end)
        {
            int count = (int)Math.Min(PieceBytes, end - begin);
            DateTime shared = _limits.Reserve(count);
            if (_limits.ConnectionRate > 0) free += TimeSpan.FromSeconds((double)count / _limits.ConnectionRate);
            TimeSpan early = (shared > free ? shared : free) - DateTime.UtcNow;
            // The timer is no finer.
            if (early > TimeSpan.FromMilliseconds(2)) await Task.Delay(early, cancellationToken);
            for (Memory<byte> piece = blob.Slice(begin, count); !piece.IsEmpty;) piece = piece[await socket.SendAsync(piece, cancellationToken)..];
            begin += count;
        }
    }

    private string List(BlobRequest request)
    {
        string prefix = request.Query.GetValueOrDefault("prefix", "");
        IEnumerable<string> blobs = _blobs.Where(blob => blob.Key.StartsWith($"{request.Path}/{prefix}", StringComparison.Ordinal)).OrderBy(blob => blob.Key, StringComparer.Ordinal).Select(blob =>
            $"<Blob><Name>{SecurityElement.Escape(blob.Key[(request.Path.Length + 1)..])}</Name><Properties><Last-Modified>{blob.Value.Changed:R}</Last-Modified>"
            + $"<Etag>{blob.Value.Version.Trim('"')}</Etag><Content-Length>{blob.Value.Length}</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>");
        return $"<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>{string.Concat(blobs)}</Blobs><NextMarker /></EnumerationResults>";
    }

    private static Task RefuseAsync(Socket socket, BlobRequest request, int status, string code, CancellationToken cancellationToken) =>
        SendAsync(socket, request, status, "", $"x-ms-error-code: {code}\r\n", cancellationToken);

    private static async Task SendAsync(Socket socket, BlobRequest request, int status, string body, string headers, CancellationToken cancellationToken)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(body);
        await socket.SendAsync((byte[])[.. Head(request, status, bytes.Length, headers), .. bytes], cancellationToken);
    }

    private static byte[] Head(BlobRequest request, int status, long length, string headers) => Encoding.ASCII.GetBytes(
        $"HTTP/1.1 {status} {(HttpStatusCode)status}\r\nDate: {DateTimeOffset.UtcNow:R}\r\nx-ms-request-id: {Guid.NewGuid()}\r\nx-ms-version: {request.Headers.GetValueOrDefault("x-ms-version", "2025-11-05")}\r\n"
        + (request.Headers.TryGetValue("x-ms-client-request-id", out string? id) ? $"x-ms-client-request-id: {id}\r\n" : "")
        + (status == 204 ? "" : $"Content-Length: {length}\r\n") + $"{headers}\r\n");
}
