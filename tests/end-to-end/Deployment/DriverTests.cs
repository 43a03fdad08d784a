using Gemma2.EndToEnd.Tests.Container;

namespace Gemma2.EndToEnd.Tests.Deployment;

/// <summary>infra/driver.sh, with a package that is built like NVIDIA's; what it makes is what the container's entrypoint installs.</summary>
public sealed class DriverTests : IDisposable
{
    private const string Version = FakeContainer.Version;
    private const string Package = $"NVIDIA-Linux-x86_64-{Version}.run";

    private readonly FakeAzure _azure = new();
    private readonly FakeContainer _container = new();

    [Fact]
    public async Task Driver_NvidiasPackage_BecomesAnArchiveThatTheContainerInstalls()
    {
        (int exitCode, string output) = await PrepareAsync();
        string archive = $"nvidia-{Version}.tar.zst", hash = _container.Sha256($"out/{archive}");
        (int entrypoint, string entrypointOutput) = await _container.WithNvidiaGpu().WithVariable("GPU_DRIVER_SOURCE", "/out/nvidia-{version}.tar.zst").WithVariable("GPU_DRIVER_SHA256", hash).RunAsync();

        Assert.True(exitCode == 0, output);
        Assert.Contains($"\n{hash}\n", output, StringComparison.Ordinal);
        Assert.Contains($"--driver 'https://ACCOUNT.blob.core.windows.net/drivers/nvidia-{{version}}.tar.zst' --driver-sha256 {hash}\n", output, StringComparison.Ordinal);
        Assert.True(entrypoint == 0, entrypointOutput);
        Assert.Contains($"Vulkan uses NVIDIA's driver {Version}", entrypointOutput, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Driver_Archive_HoldsWhatVulkanNeedsAndNothingElse()
    {
        await PrepareAsync();
        (_, string files) = await Script.RunBashAsync($"tar --list --file '{_container.PathOf($"out/nvidia-{Version}.tar.zst")}' | sort");

        Assert.Equal([.. FakeContainer.Libraries.Select(library => $"{library}.so.{Version}").Append("nvidia_icd.json").Order(StringComparer.Ordinal)], files.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task Driver_SamePackageAgain_HasTheSameHash()
    {
        await PrepareAsync();
        string first = _container.Sha256($"out/nvidia-{Version}.tar.zst");
        await Task.Delay(TimeSpan.FromSeconds(1.1), TestContext.Current.CancellationToken);
        await PrepareAsync();

        Assert.Equal(first, _container.Sha256($"out/nvidia-{Version}.tar.zst"));
    }

    [Fact]
    public async Task Driver_Push_UploadsItAsTheOneWhoIsSignedIn()
    {
        (int exitCode, string output) = await PrepareAsync("--push", "stgemma2abc", "--subscription", "other");

        Assert.True(exitCode == 0, output);
        Assert.Equal(
            [
                "az storage container create --name drivers --account-name stgemma2abc --auth-mode login --output none --subscription other",
                $"az storage blob upload --container-name drivers --file {_container.PathOf("out")}/nvidia-{Version}.tar.zst --name nvidia-{Version}.tar.zst --overwrite true --account-name stgemma2abc --auth-mode login --output none --subscription other",
            ],
            _azure.AllOfCalls);
        Assert.Contains("https://stgemma2abc.blob.core.windows.net/drivers/", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Driver_PackageWithoutTheShaderCompiler_NamesIt()
    {
        (int exitCode, string output) = await PrepareFromAsync("libnvidia-glvkspirv");

        Assert.Equal(1, exitCode);
        Assert.EndsWith($"error: the package is not the driver {Version}, or not whole: libnvidia-glvkspirv.so.{Version} is missing.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Driver_WrongHash_IsRefusedBeforeAnythingOfItRuns()
    {
        _container.With(Package, "touch \"$AZURE/it-ran\"").With("out/.keep");
        (int exitCode, string output) = await _azure.RunAsync("infra/driver.sh", Version, "--file", _container.PathOf(Package), "--out", _container.PathOf("out"), "--sha256", new string('0', 64));

        Assert.Equal(1, exitCode);
        Assert.Contains($"SHA-256 of NVIDIA's package: {_container.Sha256(Package)}\nerror: that is not {new string('0', 64)}: the package is not used.\n", output, StringComparison.Ordinal);
        Assert.False(File.Exists(_azure.PathOf("it-ran")));
    }

    [Fact]
    public async Task Driver_PackageIsDamaged_SaysSo()
    {
        _container.With(Package, "echo no archive >&2; exit 1").With("out/.keep");
        (int exitCode, string output) = await _azure.RunAsync("infra/driver.sh", Version, "--file", _container.PathOf(Package), "--out", _container.PathOf("out"));

        Assert.Equal(1, exitCode);
        Assert.EndsWith("error: the package cannot be unpacked: no archive\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Driver_NoDownload_TriesNvidiasFoldersAndSaysWhatHelps()
    {
        // Every address leads to a port at which nobody listens.
        _container.With("curl/.curlrc", "connect-to = \"::127.0.0.1:9\"\nretry = 0\n").With("out/.keep");
        (int exitCode, string output) = await _azure.Variable("CURL_HOME", _container.PathOf("curl")).RunAsync("infra/driver.sh", Version, "--out", _container.PathOf("out"));

        Assert.Equal(1, exitCode);
        Assert.Contains($"Downloading https://us.download.nvidia.com/tesla/{Version}/{Package}\n", output, StringComparison.Ordinal);
        Assert.Contains($"Downloading https://us.download.nvidia.com/XFree86/Linux-x86_64/{Version}/{Package}\n", output, StringComparison.Ordinal);
        Assert.EndsWith($"error: the download failed. Get {Package} from NVIDIA yourself and give it with --file.\n", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, "the version is 'latest'; allowed is one as 580.95.05.", "latest")]
    [InlineData(2, "unknown argument '--colour'.", Version, "--colour", "red")]
    [InlineData(2, "--file needs a value.", Version, "--file")]
    [InlineData(2, "the address is 'http://drivers.example/a.run'; allowed is one with https.", Version, "--url", "http://drivers.example/a.run?sig=secret")]
    [InlineData(2, "the SHA-256 is 'abc'; allowed are 64 hexadecimal digits.", Version, "--sha256", "abc")]
    [InlineData(1, "there is no readable file nowhere.run.", Version, "--file", "nowhere.run")]
    [InlineData(1, "there is no folder /nowhere that can be written to.", Version, "--out", "/nowhere")]
    public async Task Driver_WrongArguments_SaysWhatIsAllowed(int expected, string reason, params string[] arguments)
    {
        (int exitCode, string output) = await _azure.RunAsync(["infra/driver.sh", .. arguments]);

        Assert.Equal(expected, exitCode);
        Assert.StartsWith($"error: {reason}\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", output, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _azure.Dispose();
        _container.Dispose();
    }

    private Task<(int ExitCode, string Output)> PrepareAsync(params string[] arguments) => PrepareFromAsync(null, arguments);

    private Task<(int ExitCode, string Output)> PrepareFromAsync(string? without, params string[] arguments)
    {
        _container.WithRunPackage(Package, without: without).With("out/.keep");
        return _azure.RunAsync(["infra/driver.sh", Version, "--file", _container.PathOf(Package), "--out", _container.PathOf("out"), .. arguments]);
    }
}
