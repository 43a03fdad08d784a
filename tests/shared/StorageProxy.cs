using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Gemma2.Testing;

/// <summary>A call to storage as it passes a <see cref="StorageProxy"/>.</summary>
/// <param name="Method">Its method.</param>
/// <param name="Target">Path and query as they were signed.</param>
/// <param name="Headers">Its headers.</param>
/// <param name="Body">Its body.</param>
internal sealed record ProxiedCall(string Method, string Target, IReadOnlyList<(string Name, string Value)> Headers, byte[] Body)
{
    /// <summary>True for a call whose path and query hold all of the texts.</summary>
    public bool Names(params string[] texts) => texts.All(text => Target.Contains(text, StringComparison.Ordinal));
}

/// <summary>A reply as a <see cref="StorageProxy"/> sends it: byte for byte what it says, true or not.</summary>
/// <param name="Status">Its status.</param>
/// <param name="Headers">Its headers, Content-Length included.</param>
/// <param name="Body">Its body.</param>
internal sealed record ProxiedReply(int Status, IReadOnlyList<(string Name, string Value)> Headers, byte[] Body)
{
    /// <summary>The reply with another value for a header; null takes it away.</summary>
    public ProxiedReply With(string name, string? value)
    {
        var rest = Headers.Where(header => !header.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
        return this with { Headers = [.. value is null ? rest : rest.Append((name, value))] };
    }

    /// <summary>The reply with another body and its length.</summary>
    public ProxiedReply WithBody(byte[] body) => (this with { Body = body }).With("Content-Length", $"{body.Length}");
}

/// <summary>What a proxy does with a call; null breaks the connection.</summary>
internal delegate Task<ProxiedReply?> Lie(ProxiedCall call, Func<Task<ProxiedReply>> pass);

/// <summary>
/// Stands between the app and Azurite and plays what proxies, balancers and broken services answer. It writes its replies itself, since no web server would
/// send such ones. Signatures cover the path, not the host: they stay valid.
/// </summary>
internal sealed class StorageProxy : IAsyncDisposable
{
    // What belongs to one connection.
    private static readonly HashSet<string> NotPassedOn = new(StringComparer.OrdinalIgnoreCase) { "Host", "Connection", "Keep-Alive", "Transfer-Encoding", "Expect" };

    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly HttpClient _client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, UseCookies = false, ActivityHeadersPropagator = null });
    private readonly List<TcpListener> _listeners = [];
    private readonly Lock _lock = new();
    private Func<ProxiedCall, Lie?> _rule = _ => null;
    private int _played;

    private StorageProxy(string connectionString)
    {
        ConnectionString = string.Join(';', connectionString.Split(';').Select(part => part.Split('=', 2) switch
        {
            [("BlobEndpoint" or "QueueEndpoint") and var name, var address] => $"{name}={Listen(new Uri(address))}",
            _ => part,
        }));
    }

    /// <summary>Leads to the account through the proxy.</summary>
    public string ConnectionString { get; }

    /// <summary>How many calls it has lied to.</summary>
    public int Played => Volatile.Read(ref _played);

    /// <summary>Starts one in front of an account.</summary>
    public static StorageProxy Start(string connectionString) => new(connectionString);

    /// <summary>Lies to the first calls that the filter names.</summary>
    public void Play(Lie lie, Func<ProxiedCall, bool> filter, int times = int.MaxValue)
    {
        lock (_lock)
        {
            _played = 0;
            _rule = call => filter(call) && Interlocked.Increment(ref _played) <= times ? lie : null;
        }
    }

    /// <summary>Lets all calls through.</summary>
    public void Stop() => Play((_, pass) => pass()!, _ => false);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        foreach (TcpListener listener in _listeners) listener.Dispose();
        await Task.WhenAll(_connections).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _client.Dispose();
        _end.Dispose();
    }

    private Uri Listen(Uri service)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        _listeners.Add(listener);
        _connections.Add(AcceptAsync(listener, service));
        return new UriBuilder(service) { Port = ((IPEndPoint)listener.LocalEndpoint).Port }.Uri;
    }

    private async Task AcceptAsync(TcpListener listener, Uri service)
    {
        while (true)
        {
            Socket socket = await listener.AcceptSocketAsync(_end.Token);
            _connections.Add(ServeAsync(socket, service));
        }
    }

    private async Task ServeAsync(Socket socket, Uri service)
    {
        try
        {
            await using var stream = new NetworkStream(socket, ownsSocket: true);
            while (await ReadCallAsync(stream) is { } call)
            {
                Lie? lie;
                lock (_lock) lie = _rule(call);
                ProxiedReply? reply = lie is null ? await PassAsync(call, service) : await lie(call, () => PassAsync(call, service)).WaitAsync(_end.Token);
                if (reply is null) return;
                await WriteAsync(stream, reply, isHead: call.Method == "HEAD");
                // After a body of another length than the head says the connection says no more.
                if (call.Method != "HEAD" && reply.Headers.Any(header => header.Name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase) && header.Value != $"{reply.Body.Length}")) return;
            }
        }
        catch (Exception error) when (error is IOException or HttpRequestException or OperationCanceledException or ObjectDisposedException)
        {
            // One of both ends has gone.
        }
    }

    private async Task<ProxiedCall?> ReadCallAsync(NetworkStream stream)
    {
        var head = new List<byte>();
        byte[] one = new byte[1];
        while (head.Count < 4 || !(head[^4] == '\r' && head[^3] == '\n' && head[^2] == '\r' && head[^1] == '\n'))
        {
            if (await stream.ReadAsync(one, _end.Token) == 0) return null;
            head.Add(one[0]);
        }
        string[] lines = Encoding.ASCII.GetString([.. head]).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        (string, string)[] headers = [.. lines.Skip(1).Select(line => line.Split(": ", 2)).Select(pair => (pair[0], pair.ElementAtOrDefault(1) ?? ""))];
        string? length = headers.FirstOrDefault(header => header.Item1.Equals("Content-Length", StringComparison.OrdinalIgnoreCase)).Item2;
        byte[] body = new byte[length is null ? 0 : int.Parse(length)];
        if (headers.Any(header => header.Item1.Equals("Expect", StringComparison.OrdinalIgnoreCase))) await stream.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray(), _end.Token);
        await stream.ReadExactlyAsync(body, _end.Token);
        string[] start = lines[0].Split(' ');
        return new ProxiedCall(start[0], start[1], headers, body);
    }

    private async Task<ProxiedReply> PassAsync(ProxiedCall call, Uri service)
    {
        var exact = new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true };
        using var request = new HttpRequestMessage(new HttpMethod(call.Method), new Uri(service.GetLeftPart(UriPartial.Authority) + call.Target, exact));
        if (call.Method is "PUT" or "POST") request.Content = new ByteArrayContent(call.Body);
        foreach ((string name, string value) in call.Headers.Where(header => !NotPassedOn.Contains(header.Name)))
        {
            if (!request.Headers.TryAddWithoutValidation(name, value)) request.Content?.Headers.TryAddWithoutValidation(name, value);
        }
        using HttpResponseMessage response = await _client.SendAsync(request, _end.Token);
        byte[] body = await response.Content.ReadAsByteArrayAsync(_end.Token);
        var headers = response.Headers.NonValidated.Concat(response.Content.Headers.NonValidated)
            .Where(header => !NotPassedOn.Contains(header.Key)).SelectMany(header => header.Value, (header, value) => (header.Key, value)).ToList();
        bool hasLength = headers.Any(header => header.Key.Equals("Content-Length", StringComparison.OrdinalIgnoreCase));
        if (!hasLength && response.StatusCode is not (HttpStatusCode.NoContent or HttpStatusCode.NotModified)) headers.Add(("Content-Length", $"{body.Length}"));
        return new ProxiedReply((int)response.StatusCode, headers, body);
    }

    private async Task WriteAsync(NetworkStream stream, ProxiedReply reply, bool isHead)
    {
        string head = $"HTTP/1.1 {reply.Status} X\r\n{string.Concat(reply.Headers.Select(header => $"{header.Name}: {header.Value}\r\n"))}\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head), _end.Token);
        if (!isHead) await stream.WriteAsync(reply.Body, _end.Token);
    }
}
