using System.Net;
using System.Net.Sockets;

namespace Gemma2.Cli.Tests;

/// <summary>A way to storage that a test can cut and mend.</summary>
internal sealed class Cable : IDisposable
{
    private readonly IPEndPoint _far;
    private readonly List<Socket> _open = [];
    private TcpListener _listener = new(IPAddress.Loopback, 0);

    /// <summary>Leads to the port that a URL names.</summary>
    public Cable(Uri far)
    {
        _far = new IPEndPoint(IPAddress.Loopback, far.Port);
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _ = AcceptAsync(_listener);
    }

    /// <summary>Its near end.</summary>
    public int Port { get; }

    /// <summary>Ends what goes through it, and refuses more.</summary>
    public void Cut()
    {
        _listener.Stop();
        lock (_open)
        {
            _open.ForEach(socket => socket.Dispose());
            _open.Clear();
        }
    }

    /// <summary>Makes it whole again.</summary>
    public void Mend()
    {
        _listener = new TcpListener(IPAddress.Loopback, Port);
        _listener.Start();
        _ = AcceptAsync(_listener);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Cut();
        _listener.Dispose();
    }

    private async Task AcceptAsync(TcpListener listener)
    {
        try
        {
            while (true)
            {
                Socket near = await listener.AcceptSocketAsync(), far = new(SocketType.Stream, ProtocolType.Tcp);
                lock (_open) _open.AddRange([near, far]);
                await far.ConnectAsync(_far);
                _ = CopyAsync(near, far);
                _ = CopyAsync(far, near);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // Cut.
        }
    }

    private static async Task CopyAsync(Socket from, Socket to)
    {
        try
        {
            byte[] buffer = new byte[64 * 1024];
            for (int count; (count = await from.ReceiveAsync(buffer)) > 0;) await to.SendAsync(buffer.AsMemory(0, count));
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Cut.
        }
    }
}
