using System.Text.Json;
using Gemma2.Golden;

namespace Gemma2.Cli.Tests;

public sealed class InspectTests
{
    [Theory]
    [InlineData("a-base", 512, 4, "F32", 181_312)]
    [InlineData("d-mqa-f16", 640, 5, "F16", 493_536)]
    [InlineData("e-27blike-bf16", 512, 6, "BF16", 1_238_544)]
    [InlineData("c-mha-sharded", 500, 4, "F32", 332_256)]
    public async Task Inspect_GoldenModelJson_HasConfigurationTensorsAndMemory(string name, int vocabulary, int layers, string type, long parameters)
    {
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync("inspect", GoldenModels.Open(name).Folder, "--json")).Succeeded());
        JsonElement root = report.RootElement;
        Assert.Equal(name, root.GetProperty("model").GetString());
        Assert.Equal(vocabulary, root.GetProperty("config").GetProperty("vocabulary_size").GetInt32());
        Assert.Equal(layers, root.GetProperty("config").GetProperty("layer_count").GetInt32());
        JsonElement[] tensors = [.. root.GetProperty("tensors").EnumerateArray()];
        Assert.Equal(2 + (11 * layers), tensors.Length);
        Assert.All(tensors, tensor => Assert.Equal(type, tensor.GetProperty("type").GetString()));
        Assert.Equal(parameters, root.GetProperty("parameters").GetInt64());
        JsonElement memory = root.GetProperty("memory");
        // Norms, the tensors of one dimension, are kept as float32.
        long widened = tensors.Where(tensor => tensor.GetProperty("shape").GetArrayLength() == 1).Sum(tensor => tensor.GetProperty("shape")[0].GetInt64());
        int size = type == "F32" ? 4 : 2;
        long stored = ((parameters - widened) * size) + (widened * 4);
        // Rows are padded for the kernels.
        Assert.InRange(memory.GetProperty("weight_bytes").GetInt64(), stored, stored * 5 / 4);
        Assert.Equal(256, memory.GetProperty("context_length").GetInt32());
        Assert.Equal("f32", memory.GetProperty("kv_cache_type").GetString());
    }

    [Fact]
    public async Task Inspect_LongerContextAndExactCache_NeedsMoreMemory()
    {
        string folder = GoldenModels.Open("a-base").Folder;
        long small = await CacheBytesAsync("inspect", folder, "--json", "--context", "64", "--kv", "f16");
        long longer = await CacheBytesAsync("inspect", folder, "--json", "--context", "128", "--kv", "f16");
        long exact = await CacheBytesAsync("inspect", folder, "--json", "--context", "64", "--kv", "f32");
        Assert.True(longer > small);
        Assert.Equal(2 * small, exact);
    }

    [Fact]
    public async Task Inspect_Text_NamesEveryTensor()
    {
        string text = (await Gemma2Program.RunAsync("inspect", GoldenModels.Open("c-mha-sharded").Folder)).Succeeded();
        Assert.Contains("model.layers.3.self_attn.q_proj.weight", text);
        Assert.Contains("model-00002-of-00002.safetensors", text);
        Assert.DoesNotContain('\u001b', text);
    }

    [Fact]
    public async Task Inspect_NoSuchModel_FailsAndNamesIt() => (await Gemma2Program.RunAsync("inspect", "no/such/model")).Failed(1, "no/such/model");

    [Fact]
    public async Task Inspect_EmptyFolder_FailsAndNamesTheMissingFile()
    {
        using var folder = new TemporaryFolder();
        (await Gemma2Program.RunAsync("inspect", folder.Path)).Failed(1, "config.json");
    }

    [Fact]
    public async Task Inspect_File_FailsAndSaysWhatIsSupported()
    {
        using var folder = new TemporaryFolder();
        (await Gemma2Program.RunAsync("inspect", folder.Write("model.bin", "nothing of the kind"))).Failed(1, "model.bin", "holds no model");
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"model_type\":\"gemma3\"}")]
    [InlineData("[[[")]
    [InlineData("")]
    public async Task Inspect_BadConfiguration_FailsAndNamesTheFile(string config)
    {
        using var folder = new TemporaryFolder();
        folder.Write("config.json", config);
        (await Gemma2Program.RunAsync("inspect", folder.Path, "--json")).Failed(1, "config.json");
    }

    [Fact]
    public async Task Inspect_GenerationConfig_IsShown()
    {
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.EnumerateFiles(Path.Combine(Gemma2Program.Repository, "samples", "nano"))) File.Copy(file, folder.File(Path.GetFileName(file)));
        folder.Write("generation_config.json", """{"eos_token_id": [1, 107, 9], "do_sample": true, "temperature": 0.6, "top_k": 64, "top_p": 0.9, "num_beams": 2}""");

        string text = (await Gemma2Program.RunAsync("inspect", folder.Path)).Succeeded();
        Assert.Contains("2; 1, 107, 9", text, StringComparison.Ordinal);
        Assert.Contains("temperature 0.6, top_k 64, top_p 0.9, where a request says nothing", text, StringComparison.Ordinal);
        Assert.Matches("Note: .*generation_config.json: num_beams is 2, which this engine does not have", text);

        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync("inspect", folder.Path, "--json")).Succeeded());
        Assert.Equal("""{"temperature":0.6,"top_k":64,"top_p":0.9,"min_p":null,"repetition_penalty":null}""", JsonSerializer.Serialize(report.RootElement.GetProperty("sampling")));
        Assert.Equal(1, report.RootElement.GetProperty("notes").GetArrayLength());
    }

    [Fact]
    public async Task Inspect_Adapter_FailsAndSaysHowToUseIt()
    {
        using var folder = new TemporaryFolder();
        folder.Write("adapter_config.json", "{}");
        folder.Write("adapter_model.safetensors", "");
        (await Gemma2Program.RunAsync("inspect", folder.Path)).Failed(1, "is a LoRA adapter and no model", "--lora");
    }

    private static async Task<long> CacheBytesAsync(params string[] arguments)
    {
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync(arguments)).Succeeded());
        return report.RootElement.GetProperty("memory").GetProperty("kv_cache_bytes").GetInt64();
    }
}
