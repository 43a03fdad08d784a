using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Gemma2.Testing;

/// <summary>
/// A real Azurite for one test project: link this file and declare <c>[assembly: AssemblyFixture(typeof(AzuriteFixture))]</c>.
/// It keeps all data in memory, listens on free loopback ports, and ends with the test process however that ends.
/// </summary>
public sealed class AzuriteFixture : IAsyncLifetime
{
    private const int AccountCount = 1000;

    // Node runs this before Azurite: standard input is a pipe that closes when the test process is gone, killed or not.
    private const string EndWithParent = "data:text/javascript,process.stdin.on('close',()=>process.exit()).resume()";

    private readonly string _accountKey = Convert.ToBase64String(Guid.NewGuid().ToByteArray());
    private readonly List<string> _output = [];
    private Process? _process;
    private string? _missing;
    private string _blobEndpoint = "";
    private string _queueEndpoint = "";
    private int _accountsTaken;

    /// <summary>Connection string of an account that is new and empty at each call, so that tests never see one another's blobs.</summary>
    /// <remarks>Skips the calling test when Azurite is not installed.</remarks>
    public string NewConnectionString()
    {
        if (_missing is not null) Assert.Skip(_missing);
        int account = Interlocked.Increment(ref _accountsTaken);
        Assert.True(account < AccountCount, $"Azurite was started with {AccountCount} accounts, all are taken.");
        return $"DefaultEndpointsProtocol=http;AccountName={AccountName(account)};AccountKey={_accountKey};"
            + $"BlobEndpoint={_blobEndpoint}/{AccountName(account)};QueueEndpoint={_queueEndpoint}/{AccountName(account)};";
    }

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        string? root = FindRoot();
        string script = Path.Combine(root ?? "", "tools/azurite/node_modules/azurite/dist/src/azurite.js");
        if (!File.Exists(script))
        {
            _missing = "Azurite is not installed: run 'npm ci --prefix tools/azurite'.";
            return;
        }

        try
        {
            _process = Process.Start(StartInfo(script))!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            _missing = "node is not installed: Azurite cannot be started.";
            return;
        }

        // Azurite prints to standard error only what is wrong; it is kept for the message below.
        _process.ErrorDataReceived += (_, line) => _output.Add(line.Data ?? "");
        _process.BeginErrorReadLine();
        _blobEndpoint = await ReadEndpointAsync("Azurite Blob service is successfully listening at ");
        _queueEndpoint = await ReadEndpointAsync("Azurite Queue service is successfully listening at ");
        await ReadEndpointAsync("Azurite Table service is successfully listening at ");
        _ = _process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_process is null) return;
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static string AccountName(int index) => string.Create(CultureInfo.InvariantCulture, $"test{index}");

    private ProcessStartInfo StartInfo(string script)
    {
        string[] arguments =
        [
            "--import", EndWithParent, script, "--silent", "--disableTelemetry", "--skipApiVersionCheck", "--inMemoryPersistence",
            "--blobHost", "127.0.0.1", "--blobPort", "0", "--queueHost", "127.0.0.1", "--queuePort", "0", "--tableHost", "127.0.0.1", "--tablePort", "0",
        ];
        var info = new ProcessStartInfo("node", arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        info.Environment["AZURITE_ACCOUNTS"] = string.Join(';', Enumerable.Range(0, AccountCount).Select(i => $"{AccountName(i)}:{_accountKey}"));
        return info;
    }

    private async Task<string> ReadEndpointAsync(string prefix)
    {
        while (await _process!.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.StartsWith(prefix, StringComparison.Ordinal)) return line[prefix.Length..];
        }
        await _process.WaitForExitAsync();
        throw new InvalidOperationException($"Azurite ended before it listened: {string.Join(' ', _output)}");
    }

    private static string? FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Serverless.sln"))) folder = Path.GetDirectoryName(folder);
        return folder;
    }
}
