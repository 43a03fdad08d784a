using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Gemma2.EndToEnd.Tests.Container;
using Gemma2.Testing;

namespace Gemma2.Image.Tests;

/// <summary>The images run: in their own root folder, as their user, as first process.</summary>
public sealed class RunTests(Images images, AzuriteFixture azurite) : IDisposable
{
    // Where platforms end a container that has not ended by itself.
    private static readonly TimeSpan GracePeriod = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("gemma2-image-run-").FullName;

    [Fact]
    public async Task App_SoftwareDriver_AnswersAndEndsOnSigterm()
    {
        BuiltImage image = await images.GetAsync("app", "software");
        int port = FreePort();
        await using Script script = image.Run(WithNano(port));

        await AssertAnswersAsync(script, port);
        await script.SignalAsync("TERM");

        Assert.Equal(0, await script.WaitAsync().WaitAsync(GracePeriod, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Functions_MesaDriver_TheHostStartsTheWorkerWhichAnswersAndEndsOnSigterm()
    {
        BuiltImage image = await images.GetAsync("functions", "mesa");
        int port = FreePort();
        await using Script script = image.Run([.. WithNano(port), .. WithPlayedHost(), "--env", $"AzureWebJobsStorage={azurite.NewConnectionString()}"]);

        await AssertAnswersAsync(script, port);
        await script.SignalAsync("TERM");

        Assert.Equal(0, await script.WaitAsync().WaitAsync(GracePeriod, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("app", "software")]
    [InlineData("functions", "mesa")]
    public async Task Image_User_HasNoRightsOnTheApp(string target, string driver)
    {
        BuiltImage image = await images.GetAsync(target, driver);

        (int exitCode, string output) = await RunAsync(image, ["--env", "Gemma2__AllowSoftwareDevice=true"], "bash", "-c", "id --user; id --groups; touch here 2>&1; ls --directory /proc/[0-9]* | wc --lines");

        Assert.Equal(0, exitCode);
        Assert.Contains("\n1654\n1654\ntouch: cannot touch 'here': Permission denied\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Image_NvidiaDriverWithoutGpu_SaysWhatIsMissing()
    {
        (int exitCode, string output) = await RunAsync(await images.GetAsync("app", "nvidia"), ["--env", "Gemma2__AllowSoftwareDevice=true"]);

        Assert.Equal(1, exitCode);
        Assert.EndsWith("entrypoint: error: the app is not started: this container has no GPU that Vulkan can use.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Image_NvidiaDriverWithoutVulkan_UnpacksTheDriverPackage()
    {
        BuiltImage image = await images.GetAsync("app", "nvidia");
        using var container = new FakeContainer();
        await container.With("/device").With("/libcuda").WithArchiveAsync("/nvidia.tar.zst");

        (int exitCode, string output) = await RunAsync(
            image,
            [
                "--volume", $"{container.PathOf("/device")}:/dev/nvidiactl",
                "--volume", $"{container.PathOf("/libcuda")}:/usr/local/nvidia/lib64/libcuda.so.{FakeContainer.Version}",
                "--volume", $"{container.PathOf("/nvidia.tar.zst")}:/nvidia.tar.zst",
                "--env", "GPU_DRIVER_SOURCE=/nvidia.tar.zst",
            ]);

        Assert.Equal(1, exitCode);
        Assert.Contains("Unpacking nvidia.tar.zst\n", output, StringComparison.Ordinal);
        // The libraries are made up: Vulkan's real loader has to say so.
        Assert.Contains($"The driver in /tmp/gpu-driver/{FakeContainer.Version} (from /nvidia.tar.zst) does not work:", output, StringComparison.Ordinal);
        Assert.Contains($"/tmp/gpu-driver/{FakeContainer.Version}/libEGL_nvidia.so.{FakeContainer.Version}", output, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string[] WithNano(int port) =>
    [
        "--env", "Gemma2__AllowSoftwareDevice=true", "--env", "Gemma2__Model=/nano", "--env", "Gemma2__ApiKeys=ann=key-of-ann-0123456789",
        "--env", $"ASPNETCORE_URLS=http://127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}", "--volume", $"{Script.Root}/samples/nano:/nano",
    ];

    // The image's command is the real host, which its stand-in of a base image does not have.
    private string[] WithPlayedHost()
    {
        string host = Directory.CreateDirectory(Path.Combine(_folder, "host")).FullName;
        string command = Path.Combine(host, "Microsoft.Azure.WebJobs.Script.WebHost");
        File.WriteAllText(command, "#!/bin/sh\nexec dotnet /played-host/PlayedHost.dll --app \"$AzureWebJobsScriptRoot\" --urls \"$ASPNETCORE_URLS\"\n");
        File.SetUnixFileMode(command, UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        File.SetUnixFileMode(_folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        return ["--volume", $"{host}:/azure-functions-host", "--volume", $"{Script.Root}/tests/played-host/bin/Release/net10.0:/played-host"];
    }

    private static async Task AssertAnswersAsync(Script script, int port)
    {
        CancellationToken stop = TestContext.Current.CancellationToken;
        await script.WaitForOutputAsync("Model nano loaded");
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        http.DefaultRequestHeaders.Authorization = new("Bearer", "key-of-ann-0123456789");
        var question = new { model = "nano", messages = new[] { new { role = "user", content = "What is the capital of France?" } }, temperature = 0, max_tokens = 32 };

        Assert.Contains("\"ready\"", await http.GetStringAsync(new Uri("/healthz", UriKind.Relative), stop), StringComparison.Ordinal);
        using HttpResponseMessage response = await http.PostAsJsonAsync(new Uri("/v1/chat/completions", UriKind.Relative), question, stop);
        JsonNode answer = JsonNode.Parse(await response.Content.ReadAsStringAsync(stop))!;
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("Paris", (string?)answer["choices"]![0]!["message"]!["content"], StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(BuiltImage image, string[] options, params string[] command)
    {
        await using Script script = image.Run(options, command);
        return (await script.WaitAsync(), script.Output);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
