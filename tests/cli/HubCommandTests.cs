using System.Diagnostics;
using System.Text.Json;
using Azure.Storage.Blobs;
using Gemma2.Golden;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

/// <summary><c>gemma2 pull hf:...</c> and <c>gemma2 push hf:...</c>, and <c>push --type</c>: the real program, a fake hub, a real Azurite.</summary>
public sealed class HubCommandTests(AzuriteFixture azurite) : StorageTest(azurite), IAsyncLifetime
{
    private const string Repository = "google/nano";
    private static readonly string Nano = Path.Combine(Gemma2Program.Repository, "samples", "nano");

    private readonly FakeHub _hub = new();
    private readonly TemporaryFolder _folder = new();

    /// <inheritdoc/>
    public ValueTask InitializeAsync() => _hub.InitializeAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Pull_FromTheHub_GivesTheModel()
    {
        _hub.Commit(Repository, Nano);
        using JsonDocument report = JsonDocument.Parse((await RunHubAsync(null, "pull", "hf:google/nano", _folder.File("nano"), "--json")).Succeeded());
        Assert.Equal(4, report.RootElement.GetProperty("files").GetInt32());
        AssertIsNano(_folder.File("nano"));
        using JsonDocument again = JsonDocument.Parse((await RunHubAsync(null, "pull", "hf:google/nano", _folder.File("nano"), "--json")).Succeeded());
        Assert.Equal(4, again.RootElement.GetProperty("files_skipped").GetInt32());
        Assert.Equal(0, again.RootElement.GetProperty("bytes_fetched").GetInt64());
    }

    [Fact]
    public async Task Pull_Interrupted_EndsAndGoesOnLater()
    {
        _hub.Commit(Repository, Nano);
        var hangs = new TaskCompletionSource();
        int given = 0;
        _hub.Play(context =>
        {
            hangs.TrySetResult();
            return FakeHub.Hang(context);
        }, context => _hub.IsStore(context) && Interlocked.Increment(ref given) > 3);
        using Process process = Gemma2Program.Start(["pull", "hf:google/nano", _folder.File("nano")], ("HF_ENDPOINT", _hub.Address.ToString()), ("HF_TOKEN", FakeHub.Token));
        await hangs.Task.WaitAsync(Cancellation);

        (await InterruptAsync(process)).Failed(130, "interrupted");

        Assert.False(File.Exists(Path.Combine(_folder.File("nano"), "model.safetensors")));
        _hub.Stop();
        (await RunHubAsync(null, "pull", "hf:google/nano", _folder.File("nano"))).Succeeded();
        AssertIsNano(_folder.File("nano"));
    }

    [Fact]
    public async Task Push_FromTheHub_StoresTheModelAndDoesNotAskForItAgain()
    {
        _hub.Commit(Repository, Nano);
        (await RunHubAsync(null, "push", "hf:google/nano", "nano")).Succeeded();
        (await RunAsync("pull", "blob:nano", _folder.File("nano"))).Succeeded();
        AssertIsNano(_folder.File("nano"));
        _hub.Forget();

        using JsonDocument again = JsonDocument.Parse((await RunHubAsync(null, "push", "hf:google/nano", "nano", "--json")).Succeeded());

        Assert.Equal(4, again.RootElement.GetProperty("files_skipped").GetInt32());
        Assert.Equal(0, again.RootElement.GetProperty("bytes_uploaded").GetInt64());
        Assert.DoesNotContain(_hub.Calls, call => call.IsStore);
        using JsonDocument local = JsonDocument.Parse((await RunAsync("push", Nano, "nano", "--json")).Succeeded());
        Assert.Equal(4, local.RootElement.GetProperty("files_skipped").GetInt32());
    }

    [Fact]
    public async Task Push_DamagedOnTheHub_StoresNothing()
    {
        _hub.Commit(Repository, Nano);
        _hub.Damage(await File.ReadAllBytesAsync(Path.Combine(Nano, "model.safetensors"), Cancellation));
        (await RunHubAsync(null, "push", "hf:google/nano", "nano")).Failed(1, "hf:google/nano/model.safetensors is damaged");
        (await RunAsync("inspect", "blob:nano")).Failed(1, "not in the container");
    }

    [Fact]
    public async Task Push_TypeFromAFolderAGgufAndTheHub_StoresWhatQuantizeWrites()
    {
        _hub.Commit(Repository, Nano);
        (await RunAsync("quantize", Nano, _folder.File("expected.gguf"), "--type", "q8_0")).Succeeded();
        byte[] expected = await File.ReadAllBytesAsync(_folder.File("expected.gguf"), Cancellation);
        (await RunAsync("quantize", Nano, _folder.File("nano.gguf"), "--type", "f32")).Succeeded();
        (await RunAsync("quantize", _folder.File("nano.gguf"), _folder.File("expected-of-gguf.gguf"), "--type", "q8_0", "--pure")).Succeeded();

        (await RunAsync("push", Nano, "folder", "--type", "q8_0")).Succeeded();
        (await RunHubAsync(null, "push", "hf:google/nano", "hub", "--type", "q8_0")).Succeeded();
        (await RunAsync("push", _folder.File("nano.gguf"), "gguf", "--type", "q8_0", "--pure")).Succeeded();

        Assert.Equal(expected, await BlobAsync("folder/model.gguf"));
        Assert.Equal(expected, await BlobAsync("hub/model.gguf"));
        Assert.Equal(await File.ReadAllBytesAsync(_folder.File("expected-of-gguf.gguf"), Cancellation), await BlobAsync("gguf/model.gguf"));
        using JsonDocument again = JsonDocument.Parse((await RunAsync("push", Nano, "folder", "--type", "q8_0", "--json")).Succeeded());
        Assert.Equal(0, again.RootElement.GetProperty("bytes_uploaded").GetInt64());
        using JsonDocument report = JsonDocument.Parse((await RunAsync("inspect", "blob:folder", "--json")).Succeeded());
        Assert.Equal("folder", report.RootElement.GetProperty("model").GetString());
    }

    [Fact]
    public async Task Push_TypeOfADamagedModel_StoresNothing()
    {
        _hub.Commit(Repository, Nano);
        _hub.Damage(await File.ReadAllBytesAsync(Path.Combine(Nano, "model.safetensors"), Cancellation));
        (await RunHubAsync(null, "push", "hf:google/nano", "nano", "--type", "q8_0")).Failed(1, "hf:google/nano/model.safetensors is damaged");
        (await RunAsync("inspect", "blob:nano")).Failed(1, "not in the container");
    }

    [Theory]
    [InlineData(null, "hf:google/nano is gated", "HF_TOKEN")]
    [InlineData(FakeHub.OtherToken, "hf:google/nano is gated", "has no access")]
    [InlineData("hf_expired", "does not take the token", "HF_TOKEN")]
    public async Task Pull_GatedModel_SaysWhatToDoAndNoToken(string? token, params string[] mentions)
    {
        _hub.Commit(Repository, Nano);
        _hub.Gate(Repository);
        Outcome outcome = await RunHubAsync(token, "pull", "hf:google/nano", _folder.File("nano"));
        outcome.Failed(1, mentions);
        Assert.DoesNotContain("hf_", outcome.Error);
    }

    [Fact]
    public async Task Pull_GatedModelWithAccess_GivesTheModel()
    {
        _hub.Commit(Repository, Nano);
        _hub.Gate(Repository);
        Outcome outcome = await RunHubAsync(FakeHub.Token, "pull", "hf:google/nano", _folder.File("nano"));
        Assert.DoesNotContain(FakeHub.Token, outcome.Succeeded() + outcome.Error);
        AssertIsNano(_folder.File("nano"));
    }

    [Fact]
    public async Task Pull_OneOfSeveralGgufs_IsTheOneThatIsNamed()
    {
        byte[] file = await File.ReadAllBytesAsync(GoldenGguf.Open("s64/F16").File, Cancellation);
        _hub.Commit(Repository, ("nano-F16.gguf", file), ("nano-Q8_0.gguf", [1]));
        (await RunHubAsync(null, "pull", "hf:google/nano", _folder.File("nano"))).Failed(1, "name one as hf:google/nano:FILE", "nano-F16.gguf", "nano-Q8_0.gguf");
        (await RunHubAsync(null, "pull", "hf:google/nano:nano-F16.gguf", _folder.File("nano"))).Succeeded();
        Assert.Equal(file, await File.ReadAllBytesAsync(Path.Combine(_folder.File("nano"), "nano-F16.gguf"), Cancellation));
        Assert.Single(Directory.GetFiles(_folder.File("nano")));
    }

    [Theory]
    [InlineData("inspect", "hf:google/nano")]
    [InlineData("generate", "hf:google/nano", "--prompt", "x")]
    public async Task Run_HubModelElsewhere_SaysHowToGetIt(params string[] arguments) =>
        (await RunHubAsync(null, arguments)).Failed(1, "gemma2 pull hf:google/nano DIR", "gemma2 push hf:google/nano NAME");

    [Theory]
    [InlineData(1, "expected is hf:OWNER/NAME", "pull", "hf:nano", "DIR")]
    [InlineData(2, "--pure goes with --type", "push", "DIR", "nano", "--pure")]
    [InlineData(2, "--type", "push", "DIR", "nano", "--type", "q9")]
    public async Task Run_WhatCannotBe_FailsWithOneLine(int exitCode, string mention, params string[] arguments) =>
        (await RunHubAsync(null, [.. arguments.Select(argument => argument == "DIR" ? _folder.File("out") : argument)])).Failed(exitCode, mention);

    private Task<Outcome> RunHubAsync(string? token, params string[] arguments) => Gemma2Program.RunAsync(
        arguments, "", ("AzureWebJobsStorage", ConnectionString), ("HF_ENDPOINT", _hub.Address.ToString()), ("HF_TOKEN", token), ("HF_HOME", _folder.Path));

    private async Task<byte[]> BlobAsync(string name) =>
        (await new BlobServiceClient(ConnectionString).GetBlobContainerClient("models").GetBlobClient(name).DownloadContentAsync(Cancellation)).Value.Content.ToArray();

    private static void AssertIsNano(string folder)
    {
        string[] files = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.model"];
        Assert.Equal(files, Directory.GetFiles(folder).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
        Assert.All(files, file => Assert.Equal(File.ReadAllBytes(Path.Combine(Nano, file)), File.ReadAllBytes(Path.Combine(folder, file))));
    }
}
