using System.Diagnostics;
using System.Text.Json;

namespace Gemma2.Cli.Tests;

/// <summary>The commands that write a model: <c>quantize</c> and <c>synthesize</c>.</summary>
public sealed class ModelFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Output => Path.Combine(_folder.Path, "model.gguf");

    private static string Nano => Path.Combine(Gemma2Program.Repository, "samples", "nano");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Synthesize_Tiny_WritesAModelThatLoads()
    {
        using JsonDocument written = JsonDocument.Parse((await Gemma2Program.RunAsync("synthesize", "tiny", Output, "--type", "Q4_K_M", "--seed", "7", "--json")).Succeeded());
        Assert.Equal(new FileInfo(Output).Length, written.RootElement.GetProperty("bytes").GetInt64());
        Assert.Equal(["Q6_K", "F32", "Q4_K"], await TypesAsync(Output));
    }

    [Theory]
    [InlineData("q8_0", "Q8_0")]
    [InlineData("BF16", "BF16")]
    public async Task Quantize_Nano_WritesThatType(string type, string expected)
    {
        (await Gemma2Program.RunAsync("quantize", Nano, Output, "--type", type)).Succeeded();
        Assert.Equal([expected, "F32"], await TypesAsync(Output));
    }

    [Fact]
    public async Task Quantize_Nano_CountsItsTypes()
    {
        string text = (await Gemma2Program.RunAsync("quantize", Nano, Output, "--type", "Q4_0", "--pure")).Succeeded();
        Assert.Matches(@"^type +tensors +size +share *\nQ4_0 +43 +\d+ KiB +9\d\.\d % *\nF32 +25 +12\.5 KiB +\d\.\d % *\n\n", text);
        using JsonDocument json = JsonDocument.Parse((await Gemma2Program.RunAsync("quantize", Nano, Output, "--type", "Q4_K_M", "--force", "--json")).Succeeded());
        Assert.Equal(["Q5_0", "Q8_0", "F32"], json.RootElement.GetProperty("types").EnumerateArray().Select(type => type.GetProperty("type").GetString()));
        Assert.Contains("become Q5_0 instead of Q4_K", json.RootElement.GetProperty("notes")[0].GetString());
    }

    [Fact]
    public async Task Quantize_WithOverridesAndImportance_UsesBoth()
    {
        string importance = Path.Combine(_folder.Path, "i.dat");
        await File.WriteAllBytesAsync(importance, [1, 0, 0, 0, 19, 0, 0, 0, .. "blk.0.attn_q.weight"u8, 1, 0, 0, 0, 128, 0, 0, 0, .. Enumerable.Repeat<byte[]>([0, 0, 0x80, 0x3F], 128).SelectMany(one => one)], TestContext.Current.CancellationToken);
        string[] arguments = ["quantize", Nano, Output, "--type", "q4_0", "--imatrix", importance, "--tensor-type", "attn_k=Q8_0", "--tensor-type", "ffn_up=f16", "--json"];
        using JsonDocument json = JsonDocument.Parse((await Gemma2Program.RunAsync(arguments)).Succeeded());
        Assert.Equal([("F16", 6), ("Q4_0", 30), ("Q8_0", 7), ("F32", 25)],
            json.RootElement.GetProperty("types").EnumerateArray().Select(type => (type.GetProperty("type").GetString()!, type.GetProperty("tensors").GetInt32())));
        Assert.Contains("says nothing about 41 of 43 matrices", json.RootElement.GetProperty("notes")[1].GetString());
    }

    [Fact]
    public async Task Quantize_WrongOverrideOrImportance_IsNamedAndLeavesNothing()
    {
        (await Gemma2Program.RunAsync("quantize", Nano, Output, "--type", "q4_0", "--tensor-type", "attn_x=q8_0")).Failed(1, "'attn_x=Q8_0' means no matrix");
        (await Gemma2Program.RunAsync("quantize", Nano, Output, "--type", "q4_0", "--imatrix", Path.Combine(Nano, "config.json"))).Failed(1, "config.json: is no importance matrix");
        (await Gemma2Program.RunAsync("quantize", Nano, Output, "--type", "q4_0", "--imatrix", "none.dat")).Failed(1, "none.dat");
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public async Task Inspect_WithType_ShowsWhatQuantizingMakes()
    {
        (await Gemma2Program.RunAsync("quantize", Nano, Output, "--type", "q5_0")).Succeeded();
        Assert.Equal(await WeightBytesAsync("inspect", Output, "--json"), await WeightBytesAsync("inspect", Nano, "--type", "q5_0", "--json"));
    }

    [Fact]
    public async Task Synthesize_FileThatExists_IsRefusedWithoutForce()
    {
        await File.WriteAllTextAsync(Output, "precious", TestContext.Current.CancellationToken);
        (await Gemma2Program.RunAsync("synthesize", "tiny", Output)).Failed(1, $"{Output} exists; --force replaces it.");
        Assert.Equal("precious", await File.ReadAllTextAsync(Output, TestContext.Current.CancellationToken));
        (await Gemma2Program.RunAsync("synthesize", "tiny", Output, "--force")).Succeeded();
        Assert.True(new FileInfo(Output).Length > 1_000_000);
    }

    [Theory]
    [InlineData("q5_k", "--type is 'q5'; allowed is f32 or f16", "synthesize", "tiny", "OUT", "--type", "q5")]
    [InlineData("q4_k_m", "--type is 'Q4_K_XL'", "inspect", "samples/nano", "--type", "Q4_K_XL")]
    [InlineData("q6_k", "--tensor-type is 'attn_v=q6'; allowed is PATTERN=TYPE", "quantize", "samples/nano", "OUT", "--type", "q4_0", "--tensor-type", "attn_v=q6")]
    [InlineData("--imatrix", "goes with --type", "push", "samples/nano", "NAME", "--imatrix", "i.dat")]
    [InlineData("3b", "2b", "synthesize", "3b", "OUT")]
    [InlineData("--type", "required", "quantize", "samples/nano", "OUT")]
    [InlineData("0 or more", "--seed is '-1'", "synthesize", "tiny", "OUT", "--seed", "-1")]
    public async Task Usage_Wrong_NamesWhatAndWhatIsAllowed(string what, string allowed, params string[] arguments) =>
        (await Gemma2Program.RunAsync(arguments)).Failed(2, what, allowed);

    [Fact]
    public async Task Quantize_ModelThatIsQuantized_IsRefusedAndLeavesNothing()
    {
        string quantized = Path.Combine(_folder.Path, "q4_0.gguf");
        (await Gemma2Program.RunAsync("synthesize", "tiny", quantized, "--type", "q4_0")).Succeeded();
        (await Gemma2Program.RunAsync("quantize", quantized, Output, "--type", "q8_0")).Failed(1, "already and does not become Q8_0", "--allow-requantize");
        Assert.Equal([quantized], Directory.GetFiles(_folder.Path));
        (await Gemma2Program.RunAsync("quantize", quantized, Output, "--type", "q8_0", "--allow-requantize")).Succeeded();
        Assert.Equal(["Q8_0", "F32"], await TypesAsync(Output));
    }

    [Fact]
    public async Task Synthesize_DiskFull_FailsAndLeavesNothing()
    {
        const string Unshare = "unshare --map-root-user --mount ";
        if ((await Gemma2Program.RunInShellAsync($"{Unshare} true")).ExitCode != 0) Assert.Skip("A small disk cannot be mounted: this user may not make namespaces.");
        (await Gemma2Program.RunInShellAsync(
            $$"""{{Unshare}} sh -c 'mount -t tmpfs -o size=1m none "$FOLDER" && { "$GEMMA2" synthesize tiny "$FOLDER/model.gguf"; code=$?; ls "$FOLDER"; exit $code; }'""",
            ("FOLDER", _folder.Path))).Failed(1, "No space left on device");
    }

    [Fact]
    public async Task Synthesize_Interrupted_LeavesNothing()
    {
        using Process process = Gemma2Program.Start(["synthesize", "2b", Output, "--type", "q4_0"]);
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        while (!process.HasExited && !Directory.EnumerateFiles(_folder.Path).Any(file => new FileInfo(file).Length > 0)) await Task.Delay(20, cancellation);
        using (Process kill = Process.Start("kill", ["-INT", $"{process.Id}"])) await kill.WaitForExitAsync(cancellation);
        await process.WaitForExitAsync(cancellation);
        Assert.Equal(130, process.ExitCode);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    private static async Task<string[]> TypesAsync(string file)
    {
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync("inspect", file, "--json")).Succeeded());
        return [.. report.RootElement.GetProperty("tensors").EnumerateArray().Take(9).Select(tensor => tensor.GetProperty("type").GetString()!).Distinct()];
    }

    private static async Task<long> WeightBytesAsync(params string[] arguments)
    {
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync(arguments)).Succeeded());
        return report.RootElement.GetProperty("memory").GetProperty("weight_bytes").GetInt64();
    }
}
