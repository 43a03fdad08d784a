using System.Text.Json;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

/// <summary>LoRA adapters on the command line: <c>--lora</c> and <c>merge</c>.</summary>
public sealed class AdapterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static string Nano => Path.Combine(Gemma2Program.Repository, "samples", "nano");

    private string First => LoraFolder.Write(_folder.File("first"), seed: 1);

    private string Second => LoraFolder.Write(_folder.File("second"), seed: 2);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Merge_TwoAdapters_GivesAFolderThatAnswersAsTheModelWithThem()
    {
        Machine.NeedsDevice();
        string merged = _folder.File("merged");
        string[] adapters = ["--lora", First, "--lora", $"{Second}:0.5"];
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync(["merge", Nano, merged, .. adapters, "--json"], "")).Succeeded());
        Assert.Equal(Directory.GetFiles(merged).Sum(file => new FileInfo(file).Length), report.RootElement.GetProperty("bytes").GetInt64());

        byte[] expected = await LogitsAsync(merged);
        Assert.Equal(expected, await LogitsAsync(Nano, adapters));
        Assert.NotEqual(expected, await LogitsAsync(Nano));
        Assert.NotEqual(expected, await LogitsAsync(Nano, "--lora", First));
    }

    [Fact]
    public async Task Merge_IntoGguf_AnswersAsTheModelWithTheAdapter()
    {
        Machine.NeedsDevice();
        string merged = _folder.File("merged.gguf");
        (await Gemma2Program.RunAsync("merge", Nano, merged, "--lora", First)).Succeeded();
        Assert.Equal(await LogitsAsync(merged), await LogitsAsync(Nano, "--lora", First));
    }

    [Fact]
    public async Task Quantize_WithAdapter_IsTheModelThatIsQuantizedWhileLoading()
    {
        Machine.NeedsDevice();
        string quantized = _folder.File("quantized.gguf");
        (await Gemma2Program.RunAsync("quantize", Nano, quantized, "--type", "q8_0", "--lora", First)).Succeeded();
        byte[] expected = await LogitsAsync(quantized);
        Assert.Equal(expected, await LogitsAsync(Nano, "--lora", First, "--type", "q8_0"));
        Assert.NotEqual(expected, await LogitsAsync(Nano, "--type", "q8_0"));
    }

    [Fact]
    public async Task Merge_WhereSomethingIs_RefusesAndLeavesIt()
    {
        string there = _folder.Write("there", "mine");
        (await Gemma2Program.RunAsync("merge", Nano, there, "--lora", First)).Failed(1, $"{there} exists");
        Assert.Equal("mine", await File.ReadAllTextAsync(there, TestContext.Current.CancellationToken));
        (await Gemma2Program.RunAsync("merge", Nano, _folder.Path, "--lora", First)).Failed(1, $"{_folder.Path} exists");
    }

    [Theory, InlineData("merged"), InlineData("merged.gguf")]
    public async Task Merge_AdapterThatDoesNotFit_LeavesNothing(string output)
    {
        string adapter = First;
        string config = await File.ReadAllTextAsync(Path.Combine(adapter, "adapter_config.json"), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(adapter, "adapter_config.json"), config.Replace("\"r\": 4", "\"r\": 8"), TestContext.Current.CancellationToken);
        (await Gemma2Program.RunAsync("merge", Nano, _folder.File(output), "--lora", adapter)).Failed(1, "is [4, 128], of rank 4; by adapter_config.json its rank is 8");
        Assert.Equal([adapter], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public async Task Inspect_WithAdapters_ShowsThem()
    {
        string[] arguments = ["inspect", Nano, "--lora", First, "--lora", $"{Second}:-0.5"];
        string text = (await Gemma2Program.RunAsync(arguments, "")).Succeeded();
        Assert.Contains("first * 1: rank 4, alpha 16, 2 tensors (q_proj, down_proj)", text);
        Assert.Contains("second * -0.5: rank 4", text);
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync([.. arguments, "--json"], "")).Succeeded());
        JsonElement adapter = report.RootElement.GetProperty("adapters")[1];
        Assert.Equal(("second", -0.5, 16, 4), (adapter.GetProperty("name").GetString(), adapter.GetProperty("scale").GetDouble(), adapter.GetProperty("alpha").GetDouble(), adapter.GetProperty("ranks")[0].GetInt32()));
        Assert.Equal("model.layers.1.self_attn.q_proj.weight", adapter.GetProperty("targets")[0].GetString());
    }

    [Theory]
    [InlineData(2, "--lora is 'x:y'; allowed is PATH or PATH:SCALE, where SCALE is a number such as 0.5.", "x:y")]
    [InlineData(2, "--lora is 'x:NaN'; allowed is", "x:NaN")]
    [InlineData(2, "--lora gives 'x' twice", "x", "x:2")]
    [InlineData(1, "'no/such/adapter' does not exist; a LoRA adapter is a folder of PEFT's", "no/such/adapter")]
    public async Task Inspect_AdapterThatIsNone_SaysSo(int code, string message, params string[] adapters) =>
        (await Gemma2Program.RunAsync(["inspect", Nano, .. adapters.SelectMany<string, string>(adapter => ["--lora", adapter])], "")).Failed(code, message);

    [Fact]
    public async Task Inspect_ModelInThePlaceOfAnAdapter_SaysSo() => (await Gemma2Program.RunAsync("inspect", Nano, "--lora", Nano)).Failed(1, "nano: is no LoRA adapter");

    private async Task<byte[]> LogitsAsync(string model, params string[] adapters)
    {
        string tokens = _folder.Write("tokens", "2,10,300,44,5\n"), logits = _folder.File("logits");
        (await Gemma2Program.RunAsync(["logits", model, "--tokens-file", tokens, "--out", logits, .. adapters], "")).Succeeded();
        return await File.ReadAllBytesAsync(logits, TestContext.Current.CancellationToken);
    }
}
