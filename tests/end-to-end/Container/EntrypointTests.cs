namespace Gemma2.EndToEnd.Tests.Container;

/// <summary>The container's entrypoint in root folders that are made up here, one for each way in which a GPU can be there or not.</summary>
public sealed class EntrypointTests : IDisposable
{
    private const string Version = FakeContainer.Version;
    private const string Unchanged = "app: VK_DRIVER_FILES= LD_LIBRARY_PATH=/usr/cuda\n";
    private const string MountedFolder = "/usr/lib/x86_64-linux-gnu";
    private const string Cache = "/tmp/gpu-driver";

    private readonly FakeContainer _container = new();

    [Fact]
    public async Task Entrypoint_NoCommand_SaysHowToCallIt()
    {
        (int exitCode, string output) = await Script.RunBashAsync("infra/container/entrypoint/entrypoint.sh");

        Assert.Equal((2, "entrypoint: error: usage: entrypoint.sh COMMAND [ARGUMENT...]\n"), (exitCode, output));
    }

    [Fact]
    public async Task Entrypoint_VulkanFindsTheGpu_BecomesTheAppUnchanged()
    {
        (int exitCode, string output) = await _container.WithVulkanGpu().WithNvidiaGpu().RunAsync();

        Assert.Equal((0, "entrypoint: GPU: Tesla T4\n" + Unchanged), (exitCode, output));
    }

    [Fact]
    public async Task Entrypoint_NoGpu_RefusesAndSaysWhatHelps()
    {
        (int exitCode, string output) = await _container.RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains("No Vulkan device was found.", output, StringComparison.Ordinal);
        Assert.Contains("Gemma2__AllowSoftwareDevice=true", output, StringComparison.Ordinal);
        Assert.EndsWith("error: the app is not started: this container has no GPU that Vulkan can use.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entrypoint_RenderNodeWithoutDriver_NamesTheImageThatHasOne()
    {
        (int exitCode, string output) = await _container.WithRenderNode().RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains("entrypoint: There is a GPU behind /dev/dri/renderD128, and no Vulkan driver for it: an image built with VULKAN_DRIVER=mesa has those for AMD and Intel.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entrypoint_RenderNodeOfAnotherGroup_NamesTheGroup()
    {
        (int exitCode, string output) = await _container.WithRenderNode().Closed("dev/dri/renderD128").RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Matches("entrypoint: There is a GPU behind /dev/dri/renderD128, which the user [0-9]+ may not open: add its group \\([0-9]+\\), as docker run --group-add and Kubernetes' supplementalGroups do\\.\n", output);
    }

    [Fact]
    public async Task Entrypoint_GpuOfWsl_SaysThatThereIsNoDriverForIt()
    {
        (int exitCode, string output) = await _container.With("dev/dxg").RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains("entrypoint: There is a GPU behind /dev/dxg, as WSL shows it:", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("closed")]
    public async Task Entrypoint_NoTemporaryFolder_SaysSoInOneLine(string kind)
    {
        if (kind == "closed") Directory.CreateDirectory(_container.PathOf("temporary"));
        if (kind == "closed") _container.Closed("temporary");
        (int exitCode, string output) = await _container.WithVulkanGpu().WithTemporaryFolder("temporary").RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Matches("^entrypoint: error: the folder for temporary files, /temporary, cannot be written to by the user [0-9]+: mount one there that can, or name another in TMPDIR\\.\n$", output);
    }

    [Fact]
    public async Task Entrypoint_CacheCannotBeWritten_SaysSoInOneLine()
    {
        (await _container.WithNvidiaGpu().WithArchiveAsync("/nvidia.tar.zst")).With("/cache").WithVariable("GPU_DRIVER_SOURCE", "/nvidia.tar.zst").WithVariable("GPU_DRIVER_CACHE", _container.PathOf("/cache"));
        (int exitCode, string output) = await _container.RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Matches("\nentrypoint: The folder /cache \\(GPU_DRIVER_CACHE\\) cannot be written to by the user [0-9]+\\.\n", output);
    }

    [Fact]
    public async Task Entrypoint_NoVulkanLoader_RefusesWithTheReason()
    {
        (int exitCode, string output) = await _container.With("no-loader").RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains("Vulkan's loader is not installed.", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", 1)]
    [InlineData("false", 1)]
    [InlineData("true", 0)]
    [InlineData("True", 0)]
    public async Task Entrypoint_SoftwareDevice_OnlyWhereItIsAllowed(string allowed, int expected)
    {
        (int exitCode, string output) = await _container.WithSoftwareDevice().WithVariable("Gemma2__AllowSoftwareDevice", allowed).RunAsync();

        Assert.Equal(expected, exitCode);
        Assert.Contains("llvmpipe", output, StringComparison.Ordinal);
        Assert.Equal(expected == 0, output.EndsWith(Unchanged, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Entrypoint_NvidiaGpuWithoutSource_RefusesAndSaysHowToSupplyTheDriver()
    {
        (int exitCode, string output) = await _container.WithNvidiaGpu().WithSoftwareDevice().RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains($"There is an NVIDIA GPU (kernel module {Version}) that Vulkan does not find", output, StringComparison.Ordinal);
        Assert.Contains("GPU_DRIVER_SOURCE is not set.", output, StringComparison.Ordinal);
        Assert.Contains("NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics", output, StringComparison.Ordinal);
        Assert.Contains($"NVIDIA-Linux-x86_64-{Version}.run", output, StringComparison.Ordinal);
        Assert.EndsWith("error: the app is not started: this container has an NVIDIA GPU, but Vulkan cannot use it.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entrypoint_NvidiaGpuWithoutSourceButSoftwareAllowed_SaysSoAndStarts()
    {
        (int exitCode, string output) = await _container.WithNvidiaGpu().WithSoftwareDevice().WithVariable("Gemma2__AllowSoftwareDevice", "true").RunAsync();

        Assert.Equal(0, exitCode);
        Assert.Contains("No GPU can be used. Gemma2__AllowSoftwareDevice allows the CPU instead: llvmpipe\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entrypoint_DriverDoesNotStartButSoftwareAllowed_StartsOnTheCpu()
    {
        _container.WithNvidiaGpu().WithSoftwareDevice().WithDriver(MountedFolder).With(MountedFolder + "/broken").WithVariable("Gemma2__AllowSoftwareDevice", "true");
        (int exitCode, string output) = await _container.RunAsync();

        Assert.Equal(0, exitCode);
        Assert.Contains("does not work:", output, StringComparison.Ordinal);
        Assert.EndsWith($"allows the CPU instead: llvmpipe\n{Unchanged}", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.161.08  Sat Feb 17 22:55:48 UTC 2024", "535.161.08")]
    [InlineData("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86  Release Build  (root@4.15.0)", "570.86")]
    public async Task Entrypoint_KernelModule_IsReadInBothOfItsForms(string line, string version)
    {
        (_, string output) = await _container.WithNvidiaGpu(line).RunAsync();

        Assert.Contains($"(kernel module {version})", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entrypoint_KernelFilesHidden_ReadsTheVersionFromAMountedLibrary()
    {
        (_, string output) = await _container.With("dev/nvidia0").With("usr/local/nvidia/lib64/libcuda.so.1").With("usr/local/nvidia/lib64/libcuda.so.580.65.06").RunAsync();

        Assert.Contains("(kernel module 580.65.06)", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entrypoint_VersionUnknown_Refuses()
    {
        (int exitCode, string output) = await _container.With("dev/nvidiactl").RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains("neither /proc/driver/nvidia/version nor a mounted library tells the version", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entrypoint_DriverMountedWithoutItsManifest_WritesOneForThisContainer()
    {
        (int exitCode, string output) = await _container.WithNvidiaGpu().WithDriver(MountedFolder).RunAsync();

        Assert.Equal(0, exitCode);
        AssertUses(MountedFolder, output);
    }

    [Fact]
    public async Task Entrypoint_MountedDriverLacksTheShaderCompiler_NamesIt()
    {
        (int exitCode, string output) = await _container.WithNvidiaGpu().WithDriver(MountedFolder, without: "libnvidia-glvkspirv").RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains($"The driver in {MountedFolder} (mounted by the container runtime) is not complete: libnvidia-glvkspirv.so.{Version} is missing.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entrypoint_DriverDoesNotStart_ShowsWhatTheLoaderSaid()
    {
        (int exitCode, string output) = await _container.WithNvidiaGpu().WithDriver(MountedFolder).With(MountedFolder + "/broken").RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains("does not work:", output, StringComparison.Ordinal);
        Assert.Contains("libnvidia-gpucomp is missing", output, StringComparison.Ordinal);
        Assert.DoesNotContain("app:", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entrypoint_SourceIsAFolder_IsUsedInPlace()
    {
        (int exitCode, string output) = await _container.WithNvidiaGpu().WithDriver($"/drivers/{Version}").WithVariable("GPU_DRIVER_SOURCE", "/drivers/{version}").RunAsync();

        Assert.Equal(0, exitCode);
        AssertUses($"/drivers/{Version}", output);
        Assert.False(Directory.Exists(_container.PathOf(Cache)));
    }

    [Fact]
    public async Task Entrypoint_FolderOfAnotherVersion_IsRefusedWithBothVersions()
    {
        (int exitCode, string output) = await _container.WithNvidiaGpu().WithDriver("/drivers", "535.161.08").WithVariable("GPU_DRIVER_SOURCE", "/drivers").RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains($"/drivers holds the driver 535.161.08, not {Version}, the version of the kernel module.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entrypoint_NvidiasPackage_KeepsItsLibrariesAlone()
    {
        _container.WithNvidiaGpu().WithRunPackage($"/drivers/NVIDIA-Linux-x86_64-{Version}.run");
        (int exitCode, string output) = await _container.WithVariable("GPU_DRIVER_SOURCE", "/drivers/NVIDIA-Linux-x86_64-{version}.run").RunAsync();

        Assert.True(exitCode == 0, output);
        AssertUses($"{Cache}/{Version}", output);
        Assert.Equal(FakeContainer.Libraries.Select(library => $"{library}.so.{Version}").Order(StringComparer.Ordinal), _container.Files($"{Cache}/{Version}"));
        Assert.Equal("64\n", await File.ReadAllTextAsync(_container.PathOf($"{Cache}/{Version}/libEGL_nvidia.so.{Version}"), TestContext.Current.CancellationToken));
        Assert.Equal([Version], _container.Files(Cache));
    }

    [Theory]
    [InlineData("tar.zst")]
    [InlineData("tar.xz")]
    [InlineData("tgz")]
    public async Task Entrypoint_Archive_IsUnpackedOnceAndUsedAgain(string suffix)
    {
        (await _container.WithNvidiaGpu().WithArchiveAsync($"/drivers/nvidia.{suffix}")).WithVariable("GPU_DRIVER_SOURCE", $"/drivers/nvidia.{suffix}");
        (int first, string firstOutput) = await _container.RunAsync();
        File.Delete(_container.PathOf($"/drivers/nvidia.{suffix}"));
        (int second, string secondOutput) = await _container.RunAsync();

        Assert.True(first == 0, firstOutput);
        Assert.Contains($"Unpacking nvidia.{suffix}\n", firstOutput, StringComparison.Ordinal);
        Assert.Equal(0, second);
        Assert.Contains("(kept from an earlier start)", secondOutput, StringComparison.Ordinal);
        AssertUses($"{Cache}/{Version}", secondOutput);
    }

    [Fact]
    public async Task Entrypoint_KeptDriverDoesNotWork_IsReplaced()
    {
        (await _container.WithNvidiaGpu().WithDriver($"{Cache}/{Version}", without: "libnvidia-tls").WithArchiveAsync("/nvidia.tar.zst")).WithVariable("GPU_DRIVER_SOURCE", "/nvidia.tar.zst");
        (int exitCode, string output) = await _container.RunAsync();

        Assert.Equal(0, exitCode);
        Assert.Contains($"is not complete: libnvidia-tls.so.{Version} is missing.", output, StringComparison.Ordinal);
        AssertUses($"{Cache}/{Version}", output);
    }

    [Fact]
    public async Task Entrypoint_CacheElsewhere_IsUsed()
    {
        (await _container.WithNvidiaGpu().WithArchiveAsync("/nvidia.tar.zst")).WithVariable("GPU_DRIVER_SOURCE", "/nvidia.tar.zst");
        (int exitCode, string output) = await _container.WithVariable("GPU_DRIVER_CACHE", _container.PathOf("/cache")).RunAsync();

        Assert.Equal(0, exitCode);
        AssertUses($"/cache/{Version}", output);
    }

    [Fact]
    public async Task Entrypoint_PackageOfAnotherVersion_IsRefusedAndLeavesNothing()
    {
        (await _container.WithNvidiaGpu().WithArchiveAsync("/nvidia.tar.zst", "535.161.08")).WithVariable("GPU_DRIVER_SOURCE", "/nvidia.tar.zst");
        (int exitCode, string output) = await _container.RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains($"holds the driver 535.161.08, not {Version}", output, StringComparison.Ordinal);
        Assert.Empty(_container.Files(Cache));
    }

    [Fact]
    public async Task Entrypoint_PackageWithoutTheShaderCompiler_NamesIt()
    {
        _container.WithNvidiaGpu().WithRunPackage("/nvidia.run", without: "libnvidia-glvkspirv").WithVariable("GPU_DRIVER_SOURCE", "/nvidia.run");
        (int exitCode, string output) = await _container.RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains($"is not complete: libnvidia-glvkspirv.so.{Version} is missing.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entrypoint_RightHash_IsAccepted()
    {
        await _container.WithNvidiaGpu().WithArchiveAsync("/nvidia.tar.zst");
        string hashes = $"{new string('0', 64)}, {_container.Sha256("/nvidia.tar.zst").ToUpperInvariant()}";
        (int exitCode, string output) = await _container.WithVariable("GPU_DRIVER_SOURCE", "/nvidia.tar.zst").WithVariable("GPU_DRIVER_SHA256", hashes).RunAsync();

        Assert.True(exitCode == 0, output);
    }

    [Fact]
    public async Task Entrypoint_WrongHash_IsRefusedBeforeAnythingOfItRuns()
    {
        _container.WithNvidiaGpu().With("/nvidia.run", "touch \"$ROOT/it-ran\"").WithVariable("GPU_DRIVER_SOURCE", "/nvidia.run");
        (int exitCode, string output) = await _container.WithVariable("GPU_DRIVER_SHA256", new string('0', 64)).RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains($"The SHA-256 of /nvidia.run is {_container.Sha256("/nvidia.run")}, which is not in GPU_DRIVER_SHA256", output, StringComparison.Ordinal);
        Assert.False(File.Exists(_container.PathOf("/it-ran")));
        Assert.Empty(_container.Files(Cache));
    }

    [Theory]
    [InlineData("/drivers/missing.run", "There is no readable file /drivers/missing.run (GPU_DRIVER_SOURCE).")]
    [InlineData("drivers/nvidia.run", "GPU_DRIVER_SOURCE is 'drivers/nvidia.run'; allowed are an absolute path and an https address.")]
    [InlineData("http://drivers.example/nvidia.run?sig=secret", "GPU_DRIVER_SOURCE is 'http://drivers.example/nvidia.run'; allowed are")]
    [InlineData("https://drivers.example/nvidia.run?sig=secret", "GPU_DRIVER_SHA256 is not set: a driver from an address is not used unchecked.")]
    [InlineData("/dev/nvidia0", "GPU_DRIVER_SOURCE must be a folder or end in .run, .tar.zst, .tar.xz, .tar.gz or .tgz.")]
    public async Task Entrypoint_SourceIsNotUsable_SaysWhyWithoutItsSecrets(string source, string reason)
    {
        (int exitCode, string output) = await _container.WithNvidiaGpu().WithVariable("GPU_DRIVER_SOURCE", source).RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains(reason, output, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entrypoint_PackageIsDamaged_SaysSo()
    {
        (int exitCode, string output) = await _container.WithNvidiaGpu().With("/nvidia.tar.zst", "no archive").WithVariable("GPU_DRIVER_SOURCE", "/nvidia.tar.zst").RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains("nvidia.tar.zst cannot be unpacked.", output, StringComparison.Ordinal);
        Assert.Empty(_container.Files(Cache));
    }

    [Fact]
    public async Task Entrypoint_AppRuns_SignalsReachIt()
    {
        await using Script script = _container.WithVulkanGpu().Start("trap 'echo stopped; exit 7' TERM; echo up; while true; do sleep 0.05; done");
        await script.WaitForOutputAsync("up\n");
        await script.SignalAsync("TERM");

        Assert.Equal(7, await script.WaitAsync());
        Assert.EndsWith("stopped\n", script.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entrypoint_SignalWhileItUnpacks_EndsItAtOnce()
    {
        _container.WithNvidiaGpu().With("/nvidia.run", "sleep 1000").WithVariable("GPU_DRIVER_SOURCE", "/nvidia.run");
        await using Script script = _container.Start();
        await script.WaitForOutputAsync("Unpacking nvidia.run\n");
        await script.SignalAsync("TERM");

        Assert.Equal(143, await script.WaitAsync());
    }

    /// <inheritdoc/>
    public void Dispose() => _container.Dispose();

    private static void AssertUses(string folder, string output)
    {
        Assert.Contains($"entrypoint: Vulkan uses NVIDIA's driver {Version} in {folder} (", output, StringComparison.Ordinal);
        Assert.Contains("entrypoint: GPU: Tesla T4\n", output, StringComparison.Ordinal);
        Assert.Matches($"\napp: VK_DRIVER_FILES=/tmp/[^ ]+\\.nvidia_icd\\.json LD_LIBRARY_PATH={folder}:/usr/cuda\n$", output);
    }
}
