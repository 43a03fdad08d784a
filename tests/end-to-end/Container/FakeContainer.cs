using System.Security.Cryptography;

namespace Gemma2.EndToEnd.Tests.Container;

/// <summary>
/// The root folder of a container, made up: devices, kernel files and libraries are plain files, <c>gemma2 devices</c> is a stand-in. It sees a GPU where Vulkan's
/// loader would: when the manifest in VK_DRIVER_FILES names a library that exists and whose folder is searched for libraries.
/// </summary>
internal sealed class FakeContainer : IDisposable
{
    /// <summary>The version of the kernel module.</summary>
    public const string Version = "550.54.15";

    /// <summary>The libraries of a whole driver.</summary>
    public static IReadOnlyList<string> Libraries { get; } =
        ["libEGL_nvidia", "libGLX_nvidia", "libnvidia-eglcore", "libnvidia-glcore", "libnvidia-glsi", "libnvidia-glvkspirv", "libnvidia-gpucomp", "libnvidia-tls"];

    // Root may open every file; without these rights it is like the image's user.
    private static readonly string[] WithoutRootsRights = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];

    private readonly Dictionary<string, string> _environment = new() { ["LD_LIBRARY_PATH"] = "/usr/cuda" };
    private string _temporaryFolder = "tmp";
    private string? _closed;

    /// <summary>A container without a GPU and without any Vulkan driver.</summary>
    public FakeContainer()
    {
        Command("gemma2", """
            [[ $* == "devices --json" ]] || exit 64
            [[ ! -e $ROOT/hang ]] || sleep 1000
            [[ ! -e $ROOT/no-loader ]] || { echo "Vulkan's loader is not installed." >&2; exit 1; }
            library=$(jq --raw-output .ICD.library_path "${VK_DRIVER_FILES:-/dev/null}" 2>/dev/null) || true
            device() { printf '{"index":%s,"name":"%s","kind":"%s","missing":[],"is_usable":true}' "$@"; }
            if [[ -e $ROOT/vulkan-gpu || (-e $library && :$LD_LIBRARY_PATH: == *":${library%/*}:"* && ! -e ${library%/*}/broken) ]]; then
              printf '{"devices":[%s,%s],"selected":1,"reason":"best of 2"}' "$(device 0 llvmpipe software)" "$(device 1 "Tesla T4" discrete)"
            elif [[ -e $ROOT/software && -z ${VK_DRIVER_FILES-} ]]; then
              printf '{"devices":[%s],"selected":0,"reason":"best of 1"}' "$(device 0 llvmpipe software)"
            else
              [[ ! -e $library ]] || echo "[Vulkan Loader] ERROR: $library: libnvidia-gpucomp is missing" >&2
              printf '{"devices":[],"selected":null,"reason":"No Vulkan device was found."}'
            fi
            """);
    }

    /// <summary>The folder that is the container's root.</summary>
    public string Root { get; } = Directory.CreateTempSubdirectory("gemma2-container-").FullName;

    /// <summary>A GPU that Vulkan finds by itself.</summary>
    public FakeContainer WithVulkanGpu() => With("vulkan-gpu");

    /// <summary>A CPU driver.</summary>
    public FakeContainer WithSoftwareDevice() => With("software");

    /// <summary>An NVIDIA GPU as a container platform shows it: devices and kernel files, nothing of Vulkan.</summary>
    /// <param name="line">What the kernel says of its module.</param>
    public FakeContainer WithNvidiaGpu(string line = $"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {Version}  Release Build  (dvs-builder@U16)  Tue Mar  5 22:18:44 UTC 2024") =>
        With("dev/nvidiactl").With("dev/nvidia0").With("proc/driver/nvidia/version", $"{line}\nGCC version:  gcc version 12.2.0\n");

    /// <summary>A GPU that is no NVIDIA one, as Linux shows it.</summary>
    public FakeContainer WithRenderNode() => With("dev/dri/renderD128");

    /// <summary>A file or folder that the container's user may not open.</summary>
    public FakeContainer Closed(string path)
    {
        File.SetUnixFileMode(PathOf(path), UnixFileMode.None);
        _closed = PathOf(path);
        return this;
    }

    /// <summary>Another folder for temporary files, which is not made.</summary>
    public FakeContainer WithTemporaryFolder(string path)
    {
        _temporaryFolder = path;
        return this;
    }

    /// <summary>A driver's libraries in a folder.</summary>
    public FakeContainer WithDriver(string folder, string version = Version, string? without = null)
    {
        foreach (string library in Libraries.Where(library => library != without)) With($"{folder}/{library}.so.{version}", library);
        return this;
    }

    /// <summary>A file.</summary>
    public FakeContainer With(string path, string content = "")
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(path))!);
        File.WriteAllText(PathOf(path), content);
        return this;
    }

    /// <summary>An environment variable.</summary>
    public FakeContainer WithVariable(string name, string value)
    {
        _environment[name] = value;
        return this;
    }

    /// <summary>NVIDIA's own package: a shell archive with more in it than is needed.</summary>
    public FakeContainer WithRunPackage(string path, string version = Version, string? without = null)
    {
        string names = string.Join(' ', Libraries.Where(library => library != without).Select(library => $"{library}.so.{version}"));
        return With(path, $$"""
            #!/bin/sh
            [ "$1 $2" = "--extract-only --target" ] && [ ! -e "$3" ] || exit 1
            mkdir -p "$3/32" "$3/kernel" && cd "$3" && touch nvidia.ko nvidia-smi nvidia_icd.json libcuda.so.{{version}} kernel/nvidia.c
            for name in {{names}}; do echo 64 >"$name"; echo 32 >"32/$name"; done
            """);
    }

    /// <summary>The driver's libraries in a compressed archive.</summary>
    public async Task<FakeContainer> WithArchiveAsync(string path, string version = Version)
    {
        string folder = "archive-" + version;
        WithDriver(folder, version);
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(path))!);
        (int exitCode, string output) = await Script.RunBashAsync($"tar --create --auto-compress --file '{PathOf(path)}' --directory '{Root}' '{folder}'");
        Assert.True(exitCode == 0, output);
        Directory.Delete(PathOf(folder), recursive: true);
        return this;
    }

    /// <summary>The SHA-256 of a file, as sha256sum prints it.</summary>
    public string Sha256(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(PathOf(path))));

    /// <summary>Names of the files in a folder, sorted.</summary>
    public IEnumerable<string> Files(string folder) => Directory.EnumerateFileSystemEntries(PathOf(folder)).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal);

    /// <summary>A path of the container as one of this machine.</summary>
    public string PathOf(string path) => Path.Combine(Root, path.TrimStart('/'));

    /// <summary>Starts the entrypoint with an app that prints its environment.</summary>
    public Script Start(string app = "echo \"app: VK_DRIVER_FILES=${VK_DRIVER_FILES-} LD_LIBRARY_PATH=$LD_LIBRARY_PATH\"")
    {
        Directory.CreateDirectory(PathOf("tmp"));
        var environment = new Dictionary<string, string>(_environment)
        {
            ["ROOT"] = Root,
            ["PATH"] = $"{PathOf("bin")}:{Environment.GetEnvironmentVariable("PATH")}",
            ["TMPDIR"] = PathOf(_temporaryFolder),
        };
        return Script.Start(environment, [.. _closed is not null && Environment.IsPrivilegedProcess ? WithoutRootsRights : [], "infra/container/entrypoint/entrypoint.sh", "bash", "-c", app]);
    }

    /// <summary>Runs the entrypoint to its end.</summary>
    public async Task<(int ExitCode, string Output)> RunAsync()
    {
        await using Script script = Start();
        int exitCode = await script.WaitAsync();
        // The root's name is another one in every test.
        return (exitCode, script.Output.Replace(Root, "", StringComparison.Ordinal));
    }

    /// <summary>A stand-in for a command.</summary>
    public void Command(string name, string lines)
    {
        With("bin/" + name, "#!/bin/bash\n" + lines + "\n");
        File.SetUnixFileMode(PathOf("bin/" + name), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_closed is not null) File.SetUnixFileMode(_closed, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Directory.Delete(Root, recursive: true);
    }
}
