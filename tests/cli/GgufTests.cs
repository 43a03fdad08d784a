using System.Runtime.InteropServices;
using System.Text.Json;
using Gemma2.Golden;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

/// <summary>Commands on GGUF files.</summary>
public sealed class GgufTests
{
    private static readonly GoldenGgufModel Half = GoldenGguf.Open("s64/F16");

    [Fact]
    public async Task Inspect_MixOfTypes_ShowsEachTensorsType()
    {
        string file = GoldenGguf.Open("k256/Q4_K_M").File;
        string text = (await Gemma2Program.RunAsync("inspect", file)).Succeeded();
        Assert.Contains("4 GB, with 4 sequences", text);
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync("inspect", file, "--json")).Succeeded());
        Assert.Equal("model", report.RootElement.GetProperty("model").GetString());
        Assert.Equal(448, report.RootElement.GetProperty("config").GetProperty("vocabulary_size").GetInt32());
        Assert.True(report.RootElement.GetProperty("memory").GetProperty("weight_bytes").GetInt64() > 100_000);
        Assert.Equal("f16", report.RootElement.GetProperty("memory").GetProperty("kv_cache_type").GetString());
        Assert.Equal(4, report.RootElement.GetProperty("memory").GetProperty("smallest_device_gigabytes").GetInt32());
        Dictionary<string, string> types = report.RootElement.GetProperty("tensors").EnumerateArray()
            .ToDictionary(tensor => tensor.GetProperty("name").GetString()!, tensor => tensor.GetProperty("type").GetString()!);
        Assert.Equal("Q6_K", types["model.embed_tokens.weight"]);
        Assert.Equal("Q4_K", types["model.layers.0.self_attn.q_proj.weight"]);
        Assert.Equal("F32", types["model.norm.weight"]);
        Assert.Contains("Q6_K", text);
    }

    /// <summary>27B in F16 as a file of holes: its header is all that is read.</summary>
    [Fact]
    public async Task Inspect_27BInFloat16_SaysThatItFits80Gigabytes()
    {
        using var folder = new TemporaryFolder();
        using (FileStream file = File.Create(folder.File("27b.gguf"))) Write27B(file);
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync("inspect", folder.File("27b.gguf"), "--json")).Succeeded());
        JsonElement memory = report.RootElement.GetProperty("memory");
        Assert.Equal(27_227_128_320, report.RootElement.GetProperty("parameters").GetInt64());
        Assert.InRange(memory.GetProperty("weight_bytes").GetInt64(), 54_400_000_000, 57_000_000_000);
        Assert.Equal(8192, memory.GetProperty("context_length").GetInt32());
        Assert.Equal("f32", memory.GetProperty("kv_cache_type").GetString());
        Assert.Equal(80, memory.GetProperty("smallest_device_gigabytes").GetInt32());
        Assert.Equal(144, report.RootElement.GetProperty("config").GetProperty("query_pre_attention_scalar").GetDouble());
    }

    [Fact]
    public async Task Logits_FileAndItsFolder_AreWithinFloat32Tolerance()
    {
        using var folder = new TemporaryFolder();
        File.Copy(Half.File, folder.File("a.gguf"));
        foreach (string model in (string[])[Half.File, folder.Path])
            Assert.InRange(await WorstErrorAsync(model), 0, Half.Float32Tolerance);
    }

    [Fact]
    public async Task Generate_Tokens_GivesTheGoldenPathAndTextOfTheFilesVocabulary()
    {
        Machine.NeedsDevice();
        GoldenGgufPrompt prompt = Half.Prompts[^1];
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync(
            "generate", Half.File, "--tokens", string.Join(',', prompt.Ids), "--kv", "f32", "--ignore-eos", "--max-tokens", $"{prompt.Greedy.Length}", "--json")).Succeeded());
        Assert.Equal(prompt.Greedy, report.RootElement.GetProperty("tokens").EnumerateArray().Select(id => id.GetInt32()));
        Assert.NotEqual("", report.RootElement.GetProperty("text").GetString());
    }

    [Fact]
    public async Task Tokenize_ChatsOfTheFile_EqualTheirVectors()
    {
        JsonElement[] vectors = [.. GoldenGguf.Vectors("s64", "chat").Where(vector => vector.GetProperty("add_generation_prompt").GetBoolean())];
        string lines = string.Concat(vectors.Select(vector => vector.GetProperty("messages").GetRawText().ReplaceLineEndings("") + "\n"));
        Outcome outcome = await Gemma2Program.RunAsync(["tokenize", Half.File, "--chat"], lines);
        string[] answers = outcome.Output.Split('\n')[..^1];
        Assert.Equal((vectors.Length, vectors.Any(vector => vector.Has("error")) ? 1 : 0), (answers.Length, outcome.ExitCode));
        foreach ((JsonElement vector, string answer) in vectors.Zip(answers))
        {
            if (vector.Has("error")) Assert.Contains("error", answer);
            else Assert.Equal(vector.Ids("ids"), JsonSerializer.Deserialize<int[]>(answer));
        }

        Assert.Equal("\"<start_of_turn>\"\n", (await Gemma2Program.RunAsync(["detokenize", Half.File], "[2,7]\n")).Succeeded());
    }

    [Fact]
    public async Task Inspect_FolderOfSeveral_FailsAndAsksForOne()
    {
        using var folder = new TemporaryFolder();
        folder.Write("a.gguf", "");
        folder.Write("b.gguf", "");
        (await Gemma2Program.RunAsync("inspect", folder.Path)).Failed(1, "several .gguf models", "name the file");
        (await Gemma2Program.RunAsync("inspect", folder.File("a.gguf"))).Failed(1, "a.gguf", "0 bytes long");
    }

    [Fact]
    public async Task Inspect_PartsOfOne_FailsAndNamesTheMissingPart()
    {
        using var folder = new TemporaryFolder();
        string part = folder.Write("m-00002-of-00002.gguf", "");
        (await Gemma2Program.RunAsync("inspect", part)).Failed(1, "m-00001-of-00002.gguf");
    }

    [Theory, InlineData("inspect"), InlineData("tokenize"), InlineData("generate")]
    public async Task Run_FileOfAnotherKind_FailsAndSaysWhatIsSupported(string command)
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("model.bin", "text");
        string[] prompt = command == "generate" ? ["--prompt", "a"] : [];
        (await Gemma2Program.RunAsync([command, file, .. prompt])).Failed(1, "model.bin");
    }

    private static void Write27B(FileStream file)
    {
        const int layers = 46, half = 1, single = 0;
        (string Name, int Type, long[] Ne)[] tensors =
        [
            ("token_embd.weight", half, [4608, 256000]),
            ("output_norm.weight", single, [4608]),
            .. Enumerable.Range(0, layers).SelectMany(layer => ((string Name, int Type, long[] Ne)[])
            [
                ($"blk.{layer}.attn_norm.weight", single, [4608]),
                ($"blk.{layer}.attn_q.weight", half, [4608, 4096]),
                ($"blk.{layer}.attn_k.weight", half, [4608, 2048]),
                ($"blk.{layer}.attn_v.weight", half, [4608, 2048]),
                ($"blk.{layer}.attn_output.weight", half, [4096, 4608]),
                ($"blk.{layer}.post_attention_norm.weight", single, [4608]),
                ($"blk.{layer}.ffn_norm.weight", single, [4608]),
                ($"blk.{layer}.ffn_gate.weight", half, [4608, 36864]),
                ($"blk.{layer}.ffn_up.weight", half, [4608, 36864]),
                ($"blk.{layer}.ffn_down.weight", half, [36864, 4608]),
                ($"blk.{layer}.post_ffw_norm.weight", single, [4608]),
            ]),
        ];
        (string Key, uint Value)[] numbers =
        [
            ("gemma2.embedding_length", 4608), ("gemma2.block_count", layers), ("gemma2.feed_forward_length", 36864), ("gemma2.attention.head_count", 32),
            ("gemma2.attention.head_count_kv", 16), ("gemma2.attention.key_length", 128),
        ];

        using BinaryWriter writer = new(file);
        void Text(string text) { writer.Write((long)text.Length); writer.Write(System.Text.Encoding.ASCII.GetBytes(text)); }
        writer.Write("GGUF"u8);
        writer.Write(3);
        writer.Write((long)tensors.Length);
        writer.Write(numbers.Length + 1L);
        Text("general.architecture");
        writer.Write(8);
        Text("gemma2");
        foreach ((string key, uint value) in numbers)
        {
            Text(key);
            writer.Write(4);
            writer.Write(value);
        }

        long offset = 0;
        foreach ((string name, int type, long[] ne) in tensors)
        {
            Text(name);
            writer.Write(ne.Length);
            foreach (long size in ne) writer.Write(size);
            writer.Write(type);
            writer.Write(offset);
            offset += ne.Aggregate(1L, (product, size) => product * size) * (type == half ? 2 : 4);
        }

        file.SetLength(((file.Position + 31) / 32 * 32) + offset);
    }

    private static async Task<float> WorstErrorAsync(string model)
    {
        Machine.NeedsDevice();
        using var folder = new TemporaryFolder();
        string input = folder.Write("in", string.Concat(Half.Prompts.Select(prompt => string.Join(',', prompt.Ids) + "\n"))), output = folder.File("out");
        (await Gemma2Program.RunAsync("logits", model, "--tokens-file", input, "--out", output, "--kv", "f32")).Succeeded();
        float[] logits = MemoryMarshal.Cast<byte, float>(await File.ReadAllBytesAsync(output, TestContext.Current.CancellationToken)).ToArray();
        float[] expected = [.. Half.Prompts.SelectMany(prompt => prompt.LastLogits)];
        Assert.Equal(expected.Length, logits.Length);
        return expected.Zip(logits, (right, actual) => Math.Abs(right - actual)).Max();
    }
}
