using System.Diagnostics;

namespace Gemma2.Testing;

/// <summary>
/// A real Azurite whose data lie in a folder, so that it can be ended and started again without losing what it has confirmed. It is asked to end, never
/// killed: it writes its books every five seconds, where the service that it stands for writes before it confirms.
/// </summary>
internal sealed class AzuriteProcess : IAsyncDisposable
{
    // Node runs this before Azurite: standard input is a pipe that closes when the test process is gone, killed or not. It keeps nothing alive by itself.
    private const string EndWithParent = "data:text/javascript,process.stdin.on('close',()=>process.exit()).resume().unref()";

    private readonly string _folder;
    private readonly string _accountKey = Convert.ToBase64String(Guid.NewGuid().ToByteArray());
    private readonly string[] _accounts;
    private Process? _process;

    private AzuriteProcess(string folder, string[] accounts) => (_folder, _accounts) = (folder, accounts);

    /// <summary>The repository that this program was built from.</summary>
    public static string Root { get; } = FindRoot(AppContext.BaseDirectory);

    /// <summary>The blob service.</summary>
    public Uri Blobs { get; private set; } = new("http://127.0.0.1:0");

    /// <summary>The queue service.</summary>
    public Uri Queues { get; private set; } = new("http://127.0.0.1:0");

    /// <summary>Whether there is one to start.</summary>
    public static bool IsInstalled => File.Exists(Script);

    private static string Script => Path.Combine(Root, "tools/azurite/node_modules/azurite/dist/src/azurite.js");

    /// <summary>Starts one with its data in a folder; null where Azurite is not installed.</summary>
    public static async Task<AzuriteProcess?> TryStartAsync(string folder, params string[] accounts)
    {
        if (!IsInstalled) return null;
        var azurite = new AzuriteProcess(folder, accounts);
        await azurite.StartAsync();
        return azurite;
    }

    /// <summary>Leads to an account, through other addresses of its services where they are given.</summary>
    public string ConnectionString(string account, Uri? blobs = null, Uri? queues = null) =>
        $"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={_accountKey};"
        + $"BlobEndpoint={Address(blobs ?? Blobs)}/{account};QueueEndpoint={Address(queues ?? Queues)}/{account};";

    /// <summary>Ends it.</summary>
    public async Task StopAsync()
    {
        if (_process is null) return;
        _process.Send(Signal.Term);
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    /// <summary>Starts it, at the addresses that it had before.</summary>
    public async Task StartAsync()
    {
        _process = Process.Start(StartInfo())!;
        var errors = _process.StandardError.ReadToEndAsync();
        Blobs = await ReadAddressAsync("Azurite Blob service is successfully listening at ", errors);
        Queues = await ReadAddressAsync("Azurite Queue service is successfully listening at ", errors);
        _ = _process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await StopAsync();

    private static string FindRoot(string folder) => File.Exists(Path.Combine(folder, "Serverless.sln"))
        ? folder
        : FindRoot(Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("This program is not inside the repository."));

    private static string Address(Uri uri) => uri.GetLeftPart(UriPartial.Authority);

    private ProcessStartInfo StartInfo()
    {
        string[] arguments =
        [
            "--import", EndWithParent, Script, "--silent", "--disableTelemetry", "--skipApiVersionCheck", "--location", _folder,
            "--blobHost", "127.0.0.1", "--blobPort", $"{Blobs.Port}", "--queueHost", "127.0.0.1", "--queuePort", $"{Queues.Port}",
            "--tableHost", "127.0.0.1", "--tablePort", "0",
        ];
        var info = new ProcessStartInfo("node", arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        info.Environment["AZURITE_ACCOUNTS"] = string.Join(';', _accounts.Select(account => $"{account}:{_accountKey}"));
        return info;
    }

    private async Task<Uri> ReadAddressAsync(string prefix, Task<string> errors)
    {
        while (await _process!.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.StartsWith(prefix, StringComparison.Ordinal)) return new Uri(line[prefix.Length..]);
        }
        throw new InvalidOperationException($"Azurite ended before it listened: {await errors}");
    }
}
