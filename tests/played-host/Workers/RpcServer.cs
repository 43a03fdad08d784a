using System.Collections.Concurrent;
using System.Net;
using Gemma2.PlayedHost.Protocol;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Gemma2.PlayedHost.Workers;

/// <summary>Where workers call: each opens one stream and says first who it is.</summary>
internal sealed class RpcServer : FunctionRpc.FunctionRpcBase, IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, WorkerConnection> _expected = new();
    private readonly WebApplication _app;

    private RpcServer()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddRouting();
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(this);
        _app = builder.Build();
        _app.MapGrpcService<RpcServer>();
    }

    /// <summary>Where it listens.</summary>
    public Uri Address => new(_app.Urls.Single());

    /// <summary>Starts it on a free loopback port.</summary>
    public static async Task<RpcServer> StartAsync()
    {
        var server = new RpcServer();
        await server._app.StartAsync();
        return server;
    }

    /// <summary>Says which worker will call.</summary>
    public void Expect(string workerId, WorkerConnection connection) => _expected[workerId] = connection;

    /// <inheritdoc/>
    public override async Task EventStream(
        IAsyncStreamReader<StreamingMessage> requestStream, IServerStreamWriter<StreamingMessage> responseStream, ServerCallContext context)
    {
        if (!await requestStream.MoveNext(context.CancellationToken)) return;
        string workerId = requestStream.Current.StartStream?.WorkerId ?? "";
        if (!_expected.TryRemove(workerId, out WorkerConnection? connection))
            throw new RpcException(new Status(StatusCode.InvalidArgument, $"No worker '{workerId}' is expected."));
        await connection.RunAsync(requestStream, responseStream, context.CancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}
