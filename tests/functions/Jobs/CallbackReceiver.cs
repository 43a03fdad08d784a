using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Gemma2.Service.Callbacks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gemma2.Functions.Tests.Jobs;

/// <summary>Who is told of ended jobs: a real https server on loopback, under a name that only its <see cref="Network"/> knows.</summary>
internal sealed class CallbackReceiver : IAsyncDisposable
{
    public const string Host = "hooks.example.com";

    private static readonly X509Certificate2 Certificate = CreateCertificate();

    private readonly WebApplication _server;
    private readonly List<Received> _received = [];
    private readonly Queue<int> _answers;

    private CallbackReceiver(WebApplication server, int[] answers) => (_server, _answers) = (server, new Queue<int>(answers));

    public IReadOnlyList<Received> Requests
    {
        get
        {
            lock (_received)
                return [.. _received];
        }
    }

    public string Url(string path = "/done") => $"https://{Host}:{new Uri(_server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()).Port}{path}";

    /// <summary>A network in which the name leads to this machine, and its certificate is good.</summary>
    public static CallbackNetwork Network { get; } = new()
    {
        Resolve = (_, _) => Task.FromResult(new[] { IPAddress.Loopback }),
        IsAllowed = _ => true,
        Tls = new() { RemoteCertificateValidationCallback = (_, given, _, _) => given?.GetCertHashString() == Certificate.GetCertHashString() },
    };

    /// <summary>Starts a server that gives these answers in turn, and then 200.</summary>
    public static async Task<CallbackReceiver> StartAsync(params int[] answers)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(Certificate)));
        WebApplication server = builder.Build();
        var receiver = new CallbackReceiver(server, answers);
        server.Run(receiver.ReceiveAsync);
        await server.StartAsync(TestContext.Current.CancellationToken);
        return receiver;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private async Task ReceiveAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        lock (_received)
        {
            _received.Add(new Received(http.Request.Path, http.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase), body.ToArray()));
            http.Response.StatusCode = _answers.TryDequeue(out int answer) ? answer : 200;
        }
        http.Response.Headers.Location = Url("/elsewhere");
    }

    private static X509Certificate2 CreateCertificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={Host}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }

    internal sealed record Received(string Path, Dictionary<string, string> Headers, byte[] Body);
}
