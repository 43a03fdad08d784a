using System.Text.Json;
using Gemma2.Golden;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

public sealed class GenerateTests
{
    // The embedded model has weights and a vocabulary that belong together.
    private static string Nano { get; } = Path.GetFullPath(Path.Combine(GoldenModels.Root, "..", "..", "samples", "nano"));

    public GenerateTests() => Machine.NeedsDevice();

    [Theory]
    [InlineData("a-base", "len1")]
    [InlineData("d-mqa-f16", "window_plus_1")]
    [InlineData("e-27blike-bf16", "reaches_eos")]
    public async Task Generate_GreedyJson_EqualsGoldenAndCounts(string name, string promptName)
    {
        GoldenModel model = GoldenModels.Open(name);
        GoldenPrompt prompt = model.Prompt(promptName);
        using JsonDocument report = await ReportAsync(
            [model.Folder, .. Ask(prompt), "--temperature", "0", "--kv", "f32", .. prompt.Greedy.StopTokensIgnored ? (string[])["--ignore-eos"] : []]);
        JsonElement root = report.RootElement;
        Assert.Equal(prompt.Greedy.Ids, root.Ids("tokens"));
        Assert.Equal(prompt.Greedy.StopTokensIgnored ? "length" : "stop", root.Text("finish_reason"));
        Assert.Equal(JsonValueKind.Null, root.GetProperty("text").ValueKind);
        JsonElement usage = root.GetProperty("usage");
        Assert.Equal(prompt.Ids.Length, usage.GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(prompt.Greedy.Ids.Length, usage.GetProperty("completion_tokens").GetInt32());
        Assert.Equal(prompt.Ids.Length + prompt.Greedy.Ids.Length, usage.GetProperty("total_tokens").GetInt32());
        JsonElement timings = root.GetProperty("timings");
        Assert.True(timings.GetProperty("load_seconds").GetDouble() > 0);
        Assert.True(timings.GetProperty("time_to_first_token_seconds").GetDouble() > 0);
    }

    [Fact]
    public async Task Generate_WithoutTokenizer_PrintsTheIds()
    {
        GoldenModel model = GoldenModels.Open("a-base");
        GoldenPrompt prompt = model.Prompt("len1");
        string output = (await Gemma2Program.RunAsync(["generate", model.Folder, .. Ask(prompt), "--kv", "f32", "--ignore-eos"])).Succeeded();
        Assert.Equal(string.Join(',', prompt.Greedy.Ids) + "\n", output);
    }

    [Fact]
    public async Task Generate_SameSeed_SameTokens()
    {
        string[] arguments = [GoldenModels.Open("a-base").Folder, "--tokens", "2,9", "--max-tokens", "12", "--temperature", "1.5", "--ignore-eos"];
        using JsonDocument first = await ReportAsync(arguments);
        string seed = first.RootElement.GetProperty("seed").GetRawText();
        using JsonDocument again = await ReportAsync([.. arguments, "--seed", seed]);
        Assert.Equal(first.RootElement.Ids("tokens"), again.RootElement.Ids("tokens"));
        Assert.Equal(seed, again.RootElement.GetProperty("seed").GetRawText());
    }

    [Fact]
    public async Task Generate_WhatTheModelSaysOfSampling_CountsUnlessItIsTurnedOff()
    {
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.EnumerateFiles(Nano)) File.Copy(file, folder.File(Path.GetFileName(file)));
        folder.Write("generation_config.json", """{"eos_token_id": [1, 107], "temperature": 1.5, "top_k": 1, "repetition_penalty": 100}""");
        string[] arguments = ["--chat", "What is the capital of France?", "--max-tokens", "24"];

        string plain = (await Gemma2Program.RunAsync(["generate", Nano, .. arguments])).Succeeded();
        Assert.Equal("The capital of France is Paris.\n", plain);
        // The model's temperature does not count, its penalty does.
        Assert.NotEqual(plain, (await Gemma2Program.RunAsync(["generate", folder.Path, .. arguments])).Succeeded());
        Assert.Equal(plain, (await Gemma2Program.RunAsync(["generate", folder.Path, .. arguments, "--generation-config", "none"])).Succeeded());

        folder.Write("generation_config.json", """{"top_k": 1}""");
        string[] unsure = ["--prompt", "Donald keeps", "--max-tokens", "12"], drawn = [.. unsure, "--temperature", "2", "--seed", "1"];
        string likeliest = (await Gemma2Program.RunAsync(["generate", Nano, .. unsure])).Succeeded();
        Assert.Equal(likeliest, (await Gemma2Program.RunAsync(["generate", folder.Path, .. drawn])).Succeeded());
        Assert.NotEqual(likeliest, (await Gemma2Program.RunAsync(["generate", folder.Path, .. drawn, "--top-k", "0"])).Succeeded());
    }

    [Fact]
    public async Task Generate_TextWithTokenizer_IsTheTokensText()
    {
        string[] arguments = [Nano, "--prompt", "Donald keeps an", "--max-tokens", "6", "--ignore-eos"];
        using JsonDocument report = await ReportAsync(arguments);
        string ids = JsonSerializer.Serialize(report.RootElement.Ids("tokens").Where(id => id != 1 && id != 107));
        string text = JsonElement.Parse((await Gemma2Program.RunAsync(["detokenize", Nano], ids + "\n")).Succeeded()).GetString()!;
        Assert.Equal(text, report.RootElement.Text("text"));
        Assert.Equal(text + "\n", (await Gemma2Program.RunAsync(["generate", .. arguments])).Succeeded());
    }

    [Theory]
    [InlineData("--prompt", "Donald keeps an", "tokenize", "\"Donald keeps an\"", true)]
    [InlineData("--chat", "Donald keeps an", "tokenize --chat", """[{"role":"user","content":"Donald keeps an"}]""", false)]
    public async Task Generate_PromptAsText_IsThePromptAsTokens(string option, string prompt, string command, string question, bool addsBegin)
    {
        string[] words = command.Split(' ');
        int[] tokens = [.. JsonElement.Parse((await Gemma2Program.RunAsync([words[0], Nano, .. words[1..]], question + "\n")).Succeeded())
            .EnumerateArray().Select(id => id.GetInt32())];
        int[] ids = addsBegin ? [2, .. tokens] : tokens;
        using JsonDocument text = await ReportAsync([Nano, option, prompt, "--max-tokens", "3", "--ignore-eos"]);
        using JsonDocument direct = await ReportAsync([Nano, "--tokens", string.Join(',', ids), "--max-tokens", "3", "--ignore-eos"]);
        Assert.Equal(direct.RootElement.Ids("tokens"), text.RootElement.Ids("tokens"));
        Assert.Equal(ids.Length, text.RootElement.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
    }

    [Fact]
    public async Task Generate_AtATerminal_ShowsThatItIsAtWorkBeforeTheFirstToken()
    {
        if (!File.Exists("/usr/bin/script")) Assert.Skip("There is no util-linux `script` to be a terminal.");
        const string command = "script --quiet --return --command '\"$GEMMA2\" generate \"$REPOSITORY/samples/nano\" --chat Hello' /dev/null";

        string seen = (await Gemma2Program.RunInShellAsync(command, ("TERM", "xterm"))).Succeeded();

        Assert.Matches("(?s)Loading nano.*Computing the first token.*Hello! How can I help you\\?\r\n$", seen);
    }

    [Theory]
    [InlineData("--prompt")]
    [InlineData("--chat")]
    public async Task Generate_TextWithoutTokenizer_FailsAndNamesTheFile(string option) =>
        (await Gemma2Program.RunAsync("generate", GoldenModels.Open("a-base").Folder, option, "Hello")).Failed(1, "a-base", "tokenizer.model", "GGUF");

    [Theory]
    [InlineData("2,512", "512")]
    [InlineData("2,3,4,5,6,7,8,9", "8")]
    public async Task Generate_PromptDoesNotFit_FailsAndSaysWhy(string tokens, string mention) =>
        (await Gemma2Program.RunAsync("generate", GoldenModels.Open("a-base").Folder, "--tokens", tokens, "--context", "8", "--json")).Failed(1, mention);

    private static string[] Ask(GoldenPrompt prompt) => ["--tokens", string.Join(',', prompt.Ids), "--max-tokens", $"{prompt.Greedy.Ids.Length}"];

    private static async Task<JsonDocument> ReportAsync(string[] arguments) =>
        JsonDocument.Parse((await Gemma2Program.RunAsync(["generate", .. arguments, "--json"])).Succeeded());
}
