using System.Runtime.InteropServices;
using System.Text.Json;
using Gemma2.Golden;

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
        Assert.Contains("device memory", text);
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync("inspect", file, "--json")).Succeeded());
        Assert.Equal("model", report.RootElement.GetProperty("model").GetString());
        Assert.Equal(448, report.RootElement.GetProperty("config").GetProperty("vocabulary_size").GetInt32());
        Assert.True(report.RootElement.GetProperty("memory").GetProperty("weight_bytes").GetInt64() > 100_000);
        Dictionary<string, string> types = report.RootElement.GetProperty("tensors").EnumerateArray()
            .ToDictionary(tensor => tensor.GetProperty("name").GetString()!, tensor => tensor.GetProperty("type").GetString()!);
        Assert.Equal("Q6_K", types["model.embed_tokens.weight"]);
        Assert.Equal("Q4_K", types["model.layers.0.self_attn.q_proj.weight"]);
        Assert.Equal("F32", types["model.norm.weight"]);
        Assert.Contains("Q6_K", text);
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
        string[] answers = (await Gemma2Program.RunAsync(["tokenize", Half.File, "--chat"], lines)).Succeeded().Split('\n')[..^1];
        Assert.Equal(vectors.Length, answers.Length);
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

    private static async Task<float> WorstErrorAsync(string model)
    {
        using var folder = new TemporaryFolder();
        string input = folder.Write("in", string.Concat(Half.Prompts.Select(prompt => string.Join(',', prompt.Ids) + "\n"))), output = folder.File("out");
        (await Gemma2Program.RunAsync("logits", model, "--tokens-file", input, "--out", output, "--kv", "f32")).Succeeded();
        float[] logits = MemoryMarshal.Cast<byte, float>(await File.ReadAllBytesAsync(output, TestContext.Current.CancellationToken)).ToArray();
        float[] expected = [.. Half.Prompts.SelectMany(prompt => prompt.LastLogits)];
        Assert.Equal(expected.Length, logits.Length);
        return expected.Zip(logits, (right, actual) => Math.Abs(right - actual)).Max();
    }
}
