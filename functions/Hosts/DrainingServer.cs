using Gemma2.Service.Lifetime;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace Gemma2.Functions.Hosts;

/// <summary>
/// A web server that goes on listening while requests in hand end: it would close its port at once when the app is told to stop, and cut off at the end what still runs.
/// New work gets an answer meanwhile.
/// </summary>
internal sealed class DrainingServer(IServer server, Draining draining, IOptions<HostOptions> hosting) : IServer
{
    // What is left for requests to tell that they were ended, and for the server to close its connections.
    private static readonly TimeSpan LongestFarewell = TimeSpan.FromSeconds(2);

    /// <inheritdoc />
    public IFeatureCollection Features => server.Features;

    /// <summary>Puts itself in front of the app's server.</summary>
    public static void Add(IServiceCollection services)
    {
        ServiceDescriptor inner = services.Single(service => service.ServiceType == typeof(IServer));
        services.Remove(inner);
        services.AddSingleton<IServer>(provider => ActivatorUtilities.CreateInstance<DrainingServer>(
            provider, (IServer)(inner.ImplementationFactory?.Invoke(provider) ?? ActivatorUtilities.CreateInstance(provider, inner.ImplementationType!))));
    }

    /// <inheritdoc />
    public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken) where TContext : notnull =>
        server.StartAsync(application, cancellationToken);

    /// <inheritdoc />
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        TimeSpan all = hosting.Value.ShutdownTimeout, farewell = TimeSpan.FromTicks(Math.Min(all.Ticks / 4, LongestFarewell.Ticks));
        await draining.RunAsync(all - farewell, cancellationToken);
        // No request is in hand any more: what half a request still keeps open is cut off.
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        end.CancelAfter(farewell);
        await server.StopAsync(end.Token);
    }

    /// <inheritdoc />
    public void Dispose() => server.Dispose();
}
