using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Gemma2.Chaos.Tests.Processes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gemma2.Chaos.Tests.Work;

/// <summary>What was posted to the receiver of callbacks.</summary>
/// <param name="Path">Where to: <see cref="Hooks.Jobs"/> or <see cref="Hooks.Batches"/>.</param>
/// <param name="Id">The event's id, the same for every try to tell of one end.</param>
/// <param name="Body">Its JSON.</param>
/// <param name="IsSigned">Whether its signature is right.</param>
internal sealed record Hook(string Path, string Id, string Body, bool IsSigned);

/// <summary>Who is told of ended jobs and batches: an https server in <see cref="OwnNetwork"/> that fails now and then, before or after it has heard.</summary>
internal sealed class Hooks : IAsyncDisposable
{
    /// <summary>Where ends are posted.</summary>
    public const string Jobs = "/jobs", Batches = "/batches";

    private const string Secret = "012345678901234567890123";

    private readonly WebApplication _server;
    private readonly Random _random;
    private readonly ConcurrentQueue<Hook> _heard = [];

    private Hooks(WebApplication server, int seed) => (_server, _random) = (server, new Random(seed));

    /// <summary>All that was heard, whatever was answered.</summary>
    public IReadOnlyCollection<Hook> Heard => _heard;

    /// <summary>How often it failed.</summary>
    public int Failures { get; private set; }

    /// <summary>What the app's processes need to know.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; private set; } = new Dictionary<string, string>();

    /// <summary>Where to post.</summary>
    public static string Url(string path) => $"https://{OwnNetwork.Host}{path}";

    /// <summary>Starts it.</summary>
    /// <param name="folder">Takes its certificate.</param>
    /// <param name="seed">Its failures are drawn from it.</param>
    public static async Task<Hooks> StartAsync(string folder, int seed)
    {
        using X509Certificate2 certificate = CreateCertificate();
        string file = Path.Combine(folder, "hooks.pem");
        await File.WriteAllTextAsync(file, certificate.ExportCertificatePem());
        X509Certificate2 own = X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(OwnNetwork.Address, 443, listen => listen.UseHttps(own)));
        WebApplication server = builder.Build();
        var hooks = new Hooks(server, seed)
        {
            Settings = new Dictionary<string, string>
            {
                ["SSL_CERT_FILE"] = file,
                ["Gemma2__CallbackHosts"] = OwnNetwork.Host,
                ["Gemma2__CallbackSecret"] = $"whsec_{Convert.ToBase64String(Encoding.UTF8.GetBytes(Secret))}",
                ["Gemma2__BatchWebhook"] = Url(Batches),
            },
        };
        server.Run(hooks.HearAsync);
        await server.StartAsync();
        return hooks;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private async Task HearAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        int chance = Draw();
        if (chance is 0 or 1) Failures++;
        // It has not heard.
        if (chance == 0) http.Abort();
        else Hear(http, body.ToArray());
        // It has, but says otherwise.
        if (chance == 1) http.Response.StatusCode = StatusCodes.Status500InternalServerError;
    }

    private void Hear(HttpContext http, byte[] body)
    {
        string id = http.Request.Headers["webhook-id"].ToString(), time = http.Request.Headers["webhook-timestamp"].ToString();
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{id}.{time}."), .. body];
        byte[] signature = HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), signed);
        bool isSigned = http.Request.Headers["webhook-signature"] == $"v1,{Convert.ToBase64String(signature)}";
        _heard.Enqueue(new Hook(http.Request.Path, id, Encoding.UTF8.GetString(body), isSigned));
    }

    private int Draw()
    {
        lock (_random) return _random.Next(6);
    }

    private static X509Certificate2 CreateCertificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={OwnNetwork.Host}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(OwnNetwork.Host);
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}
