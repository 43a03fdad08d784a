using System.Net;
using System.Net.Sockets;
using Gemma2.Storage.Models;

namespace Gemma2.Storage.Tests;

/// <summary>Storage that hangs: the address is there, and nobody answers.</summary>
public sealed class ConnectTimeoutTests : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Socket[] _waiting = [.. Enumerable.Range(0, 4).Select(_ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))];

    public ConnectTimeoutTests()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(backlog: 0);
        // They fill the system's queue of connections that nobody takes: the next one is not answered.
        foreach (Socket socket in _waiting) _ = socket.ConnectAsync(_listener.LocalEndPoint!, Cancel).AsTask();
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Call_NobodyTakesTheConnection_FailsLongBeforeATryMayEnd()
    {
        var tuning = new StorageTuning { Retry = TestStorage.Quick with { ConnectTimeout = TimeSpan.FromSeconds(0.2), MaxRetries = 1 } };
        StorageConnection connection = TestStorage.Connect(
            $"AccountName=some;AccountKey=c29tZQ==;BlobEndpoint=http://{_listener.LocalEndPoint}/some;QueueEndpoint=http://{_listener.LocalEndPoint}/some", tuning);

        var error = await Assert.ThrowsAsync<StorageException>(() => new ModelStore(connection).ListAsync(Cancel));

        Assert.EndsWith(" failed: no connection within 0.2 s, the last of 2 tries.", error.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        foreach (Socket socket in _waiting) socket.Dispose();
        _listener.Dispose();
    }
}
