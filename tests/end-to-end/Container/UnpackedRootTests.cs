using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Gemma2.EndToEnd.Tests.Container;

/// <summary>
/// The entrypoint and the app in a root folder of their own, as the image's user: just the commands that the image has, the app as the image's build leaves it, the
/// libraries and the .NET runtime of this machine. Only root may make such a root.
/// </summary>
[Collection(nameof(BuiltImage))]
public sealed class UnpackedRootTests(BuiltImage image) : IDisposable
{
    // What every Debian and Ubuntu has, and what infra/container/install-packages.sh installs.
    private const string Commands =
        "basename bash cat curl dirname env find grep gzip jq kill ln mkdir mktemp mv readlink rm sed sh sha256sum sort tail tar timeout tr xz zstd";

    private readonly string _root = Directory.CreateTempSubdirectory("gemma2-root-").FullName;

    [Fact]
    public async Task Entrypoint_SoftwareDeviceNotAllowed_Refuses()
    {
        await using Script script = await StartAsync("");

        Assert.Equal(1, await script.WaitAsync());
        Assert.Contains("Gemma2__AllowSoftwareDevice=true", script.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entrypoint_SoftwareDeviceAllowed_StartsTheAppWhichAnswersAndStops()
    {
        int port = FreePort();
        await using Script script = await StartAsync(
            $"Gemma2__AllowSoftwareDevice=true Gemma2__Model=/nano Gemma2__ApiKeys=ann=key-of-ann ASPNETCORE_URLS=http://127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}");
        await script.WaitForOutputAsync("Model nano loaded");
        using var http = new HttpClient();
        string health = await http.GetStringAsync(new Uri($"http://127.0.0.1:{port}/healthz"), TestContext.Current.CancellationToken);
        await script.SignalAsync("TERM");

        Assert.Contains("\"ready\"", health, StringComparison.Ordinal);
        Assert.Equal(0, await script.WaitAsync());
    }

    [Fact]
    public async Task Entrypoint_DriverPackage_IsUnpackedByTheImagesUserWithTheImagesCommands()
    {
        Directory.CreateDirectory(Path.Combine(_root, "dev"));
        await File.WriteAllTextAsync(Path.Combine(_root, "dev/nvidiactl"), "", TestContext.Current.CancellationToken);
        using var container = new FakeContainer();
        await container.WithArchiveAsync("/nvidia.tar.zst");
        File.Copy(container.PathOf("/nvidia.tar.zst"), Path.Combine(_root, "nvidia.tar.zst"));
        Directory.CreateDirectory(Path.Combine(_root, "usr/lib64"));
        Directory.CreateDirectory(Path.Combine(_root, "usr/local/nvidia/lib64"));
        await File.WriteAllTextAsync(Path.Combine(_root, $"usr/local/nvidia/lib64/libcuda.so.{FakeContainer.Version}"), "", TestContext.Current.CancellationToken);
        await using Script script = await StartAsync("GPU_DRIVER_SOURCE=/nvidia.tar.zst");

        Assert.Equal(1, await script.WaitAsync());
        Assert.Contains("Unpacking nvidia.tar.zst\n", script.Output, StringComparison.Ordinal);
        // The libraries are made up: Vulkan's real loader has to say so.
        Assert.Contains($"The driver in /tmp/gpu-driver/{FakeContainer.Version} (from /nvidia.tar.zst) does not work:", script.Output, StringComparison.Ordinal);
        Assert.Contains($"/tmp/gpu-driver/{FakeContainer.Version}/libEGL_nvidia.so.{FakeContainer.Version}", script.Output, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_root, recursive: true);

    private async Task<Script> StartAsync(string variables)
    {
        await SkipWhereNotPermittedAsync();
        (int exitCode, string output) = await Script.RunBashAsync($$"""
            cd '{{_root}}'
            mkdir -p usr/bin usr/lib usr/lib64 usr/share/vulkan proc dev dotnet app opt/gemma2 tmp nano
            ln -s usr/bin bin && ln -s usr/lib lib && ln -s usr/lib64 lib64
            chmod 1777 tmp && chmod 755 .
            for command in {{Commands}}; do cp --dereference "$(type -P "$command")" usr/bin/; done
            cp '{{Script.Root}}'/infra/container/entrypoint/* opt/gemma2/
            cp --recursive '{{image.Publish}}/.' app/ && cp '{{Script.Root}}'/samples/nano/*.{json,safetensors,model} nano/
            touch dev/null dev/urandom && ln -s /proc/self/fd dev/fd
            """);
        Assert.True(exitCode == 0, output);
        // The mounts are seen, and end, with the process alone.
        const string Enter = """
            root=$1; shift
            mount -t proc proc "$root/proc"
            for path in /dev/null /dev/urandom /usr/lib /usr/lib64 /usr/share/vulkan; do mount --bind "$path" "$root$path"; done
            mount --bind "$DOTNET_ROOT" "$root/dotnet"
            exec chroot --userspec=1654:1654 "$root" /usr/bin/env -i PATH=/app:/usr/bin DOTNET_ROOT=/dotnet HOME=/tmp DOTNET_RUNNING_IN_CONTAINER=true "$@"
            """;
        string[] variablesAndCommand = [.. variables.Split(' ', StringSplitOptions.RemoveEmptyEntries), "/opt/gemma2/entrypoint.sh", "/app/Gemma2.Functions"];
        return Script.Start(null, ["bash", "-c", "source scripts/common.sh; exec unshare --mount bash -euc \"$@\"", "bash", Enter, "bash", _root, .. variablesAndCommand]);
    }

    private static async Task SkipWhereNotPermittedAsync()
    {
        (int exitCode, string output) = await Script.RunBashAsync("""
            (($(id -u) == 0)) || { echo "only root may make a root folder and enter it"; exit 1; }
            unshare --mount bash -c 'mount --bind /dev/null /dev/null' 2>&1 || { echo "mounting is not permitted here"; exit 1; }
            """);
        if (exitCode != 0) Assert.Skip(output.TrimEnd());
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
