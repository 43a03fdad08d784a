using System.Text.Json;
using Gemma2.Golden;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

/// <summary><c>gemma2 warm</c>, with a real device and a real Azurite.</summary>
public sealed class WarmTests(AzuriteFixture azurite)
{
    private readonly string _connection = azurite.NewConnectionString();

    [Fact]
    public async Task Warm_ModelInStorage_StoresWhatWasCompiledOnce()
    {
        Machine.NeedsDevice();
        using TemporaryFolder first = new(), second = new();
        (await RunAsync(first, "push", GoldenModels.Open("a-base").Folder, "base")).Succeeded();

        long stored = Bytes((await RunAsync(first, "warm", "base", "--json")).Succeeded());
        string again = (await RunAsync(second, "warm", "base")).Succeeded();

        Assert.True(stored > 0);
        Assert.Contains("were there already", again, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Push_Warm_StoresWhatWasCompiledToo()
    {
        Machine.NeedsDevice();
        using TemporaryFolder cache = new();
        string folder = GoldenModels.Open("a-base").Folder;

        using JsonDocument pushed = JsonDocument.Parse((await RunAsync(cache, "push", folder, "base", "--warm", "--json")).Succeeded());
        string again = (await RunAsync(cache, "push", folder, "base", "--warm")).Succeeded();

        Assert.True(Bytes(pushed.RootElement.GetProperty("warmed").GetRawText()) > 0);
        Assert.Contains("compiled pipelines for", again, StringComparison.Ordinal);
        Assert.Contains("were there already", again.Split('\n')[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Push_DeviceWithoutWarm_IsRefused() => (await RunAsync(null, "push", ".", "base", "--device", "0")).Failed(2, "--device goes with --warm.");

    [Fact]
    public async Task Warm_ModelThatIsNotThere_Fails() => (await RunAsync(null, "warm", "nothing")).Failed(1, "Model 'nothing' is not in the container");

    private static long Bytes(string json)
    {
        using JsonDocument report = JsonDocument.Parse(json);
        Assert.Equal("base", report.RootElement.GetProperty("model").GetString());
        Assert.NotEqual("", report.RootElement.GetProperty("device").GetString());
        return report.RootElement.GetProperty("bytes_uploaded").GetInt64();
    }

    private Task<Outcome> RunAsync(TemporaryFolder? cache, params string[] arguments) =>
        Gemma2Program.RunAsync(
            // Not the shader cache of all tests, into which others write at the same time.
            arguments, "", ("AzureWebJobsStorage", _connection), ("XDG_CACHE_HOME", cache?.Path), ("MESA_SHADER_CACHE_DIR", null));
}
