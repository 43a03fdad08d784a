using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gemma2.EndToEnd.Tests.Container;

/// <summary>The entrypoint downloads a driver: with the real curl, over TLS, from a server of this test.</summary>
public sealed class DriverDownloadTests : IAsyncLifetime
{
    private const string Blob = "https://account.blob.core.windows.net/drivers/nvidia-{version}.tar.zst";
    private const string Version = FakeContainer.Version;

    private readonly FakeContainer _container = new();
    private readonly X509Certificate2 _certificate = NewCertificate();
    private readonly List<string> _requests = [];
    private WebApplication _server = null!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        await _container.WithNvidiaGpu().WithArchiveAsync("/served/nvidia.tar.zst");
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(_certificate));
            kestrel.Listen(IPAddress.Loopback, 0);
        });
        _server = builder.Build();
        _server.Run(AnswerAsync);
        await _server.StartAsync(TestContext.Current.CancellationToken);
        string[] addresses = [.. _server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses];
        int port = new Uri(addresses.Single(address => address.StartsWith("https", StringComparison.Ordinal))).Port;
        // Every name leads to this server, whose certificate is the only one that counts. The metadata service has an address of its own.
        _container.With("/curl/.curlrc", $"connect-to = \"account.blob.core.windows.net:443:127.0.0.1:{port}\"\nconnect-to = \"drivers.example:443:127.0.0.1:{port}\"\nnoproxy = \"*\"\n")
            .With("/curl/ca.pem", _certificate.ExportCertificatePem())
            .WithVariable("CURL_HOME", _container.PathOf("/curl")).WithVariable("CURL_CA_BUNDLE", _container.PathOf("/curl/ca.pem"))
            .WithVariable("GPU_DRIVER_SHA256", _container.Sha256("/served/nvidia.tar.zst"))
            .WithVariable("IDENTITY_ENDPOINT", addresses.Single(address => address.StartsWith("http:", StringComparison.Ordinal)) + "/token").WithVariable("IDENTITY_HEADER", "header-secret");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _certificate.Dispose();
        _container.Dispose();
    }

    [Fact]
    public async Task Download_SignedAddress_IsUsedAndItsSignatureNotShown()
    {
        (int exitCode, string output) = await _container.WithVariable("GPU_DRIVER_SOURCE", "https://drivers.example/nvidia.tar.zst?sig=url-secret").RunAsync();

        Assert.True(exitCode == 0, output);
        Assert.Equal(["GET /nvidia.tar.zst?sig=url-secret"], _requests);
        Assert.Contains("Downloading https://drivers.example/nvidia.tar.zst\n", output, StringComparison.Ordinal);
        Assert.Contains($"Vulkan uses NVIDIA's driver {Version} in /tmp/gpu-driver/{Version} (from https://drivers.example/nvidia.tar.zst).", output, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Download_Blob_IsReadAsTheAppsIdentity()
    {
        (int exitCode, string output) = await _container.WithVariable("GPU_DRIVER_SOURCE", Blob).WithVariable("AzureWebJobsStorage__clientId", "the-identity").RunAsync();

        Assert.True(exitCode == 0, output);
        Assert.Equal(
            ["GET /token?api-version=2019-08-01&resource=https://storage.azure.com/&client_id=the-identity header-secret", $"GET /drivers/nvidia-{Version}.tar.zst Bearer token-secret"], _requests);
        Assert.DoesNotContain("secret", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Download_BlobWithoutIdentity_SaysSo()
    {
        (int exitCode, string output) = await _container.WithVariable("GPU_DRIVER_SOURCE", Blob).WithVariable("IDENTITY_HEADER", "wrong").RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains("The app's identity gives no token for storage.\n", output, StringComparison.Ordinal);
        Assert.Contains($"The download of https://account.blob.core.windows.net/drivers/nvidia-{Version}.tar.zst failed.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Download_NotThere_SaysSoAndLeavesNothing()
    {
        (int exitCode, string output) = await _container.WithVariable("GPU_DRIVER_SOURCE", "https://drivers.example/other.run").RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains("404", output, StringComparison.Ordinal);
        Assert.Contains("The download of https://drivers.example/other.run failed.\n", output, StringComparison.Ordinal);
        Assert.Empty(_container.Files("/tmp/gpu-driver"));
    }

    [Fact]
    public async Task Download_WrongHash_IsNotUnpacked()
    {
        (int exitCode, string output) = await _container.WithVariable("GPU_DRIVER_SOURCE", "https://drivers.example/nvidia.tar.zst").WithVariable("GPU_DRIVER_SHA256", new string('a', 64)).RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains("which is not in GPU_DRIVER_SHA256: it is not used.", output, StringComparison.Ordinal);
        Assert.DoesNotContain("Unpacking", output, StringComparison.Ordinal);
    }

    private async Task AnswerAsync(HttpContext http)
    {
        string credentials = $"{http.Request.Headers.Authorization}{http.Request.Headers["X-IDENTITY-HEADER"]}";
        lock (_requests) _requests.Add($"{http.Request.Method} {http.Request.Path}{http.Request.QueryString} {credentials}".TrimEnd());
        if (http.Request.Path == "/token" && credentials == "header-secret")
            await http.Response.WriteAsync("""{"access_token":"token-secret","expires_on":"1795430000","token_type":"Bearer"}""");
        else if (http.Request.Path.Value!.EndsWith(".tar.zst", StringComparison.Ordinal))
            await http.Response.SendFileAsync(_container.PathOf("/served/nvidia.tar.zst"));
        else
            http.Response.StatusCode = http.Request.Path == "/token" ? 403 : 404;
    }

    private static X509Certificate2 NewCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Gemma 2 test", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (string name in (string[])["drivers.example", "account.blob.core.windows.net"]) names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}
