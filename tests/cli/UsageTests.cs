namespace Gemma2.Cli.Tests;

/// <summary>What is wrong with a command line is said in one line, with exit code 2, before anything is loaded.</summary>
public sealed class UsageTests
{
    [Fact]
    public async Task Run_NoCommand_IsBadUsage() => (await Gemma2Program.RunAsync()).Failed(2, "gemma2 --help");

    [Theory]
    [InlineData("fly")]
    [InlineData("--fly")]
    [InlineData("devices", "--fly")]
    [InlineData("devices", "fly")]
    [InlineData("inspect", "no-such-model", "fly")]
    public async Task Run_UnknownWord_IsBadUsageThatNamesIt(params string[] arguments) =>
        (await Gemma2Program.RunAsync(arguments)).Failed(2, "fly", "--help");

    [Theory]
    [InlineData("inspect")]
    [InlineData("generate")]
    [InlineData("logits")]
    [InlineData("tokenize")]
    [InlineData("detokenize")]
    [InlineData("push")]
    [InlineData("pull")]
    [InlineData("submit")]
    public async Task Run_CommandAlone_IsBadUsage(string command) => (await Gemma2Program.RunAsync(command)).Failed(2, $"gemma2 {command} --help");

    [Theory]
    [InlineData("--help")]
    [InlineData("inspect", "--help")]
    [InlineData("submit", "-h")]
    public async Task Run_Help_PrintsItAndSucceeds(params string[] arguments) =>
        Assert.Contains("Usage:", (await Gemma2Program.RunAsync(arguments)).Succeeded());

    [Theory]
    [InlineData("--max-tokens", "0", "1 or more")]
    [InlineData("--max-tokens", "-1", "1 or more")]
    [InlineData("--max-tokens", "99999999999999999999", "1 or more")]
    [InlineData("--max-tokens", "many", "1 or more")]
    [InlineData("--temperature", "NaN", "0 to 2")]
    [InlineData("--temperature", "-0.5", "0 to 2")]
    [InlineData("--temperature", "2.1", "0 to 2")]
    [InlineData("--temperature", "1,5", "0 to 2")]
    [InlineData("--top-k", "-1", "0 or more")]
    [InlineData("--top-p", "0", "above 0")]
    [InlineData("--top-p", "Infinity", "above 0")]
    [InlineData("--seed", "-1", "0 or more")]
    [InlineData("--timeout", "0", "1 or more")]
    [InlineData("--id", "", "empty")]
    [InlineData("--model", "", "empty")]
    public async Task Submit_ValueNotAllowed_IsBadUsageThatNamesIt(string option, string value, string allowed)
    {
        string[] model = option == "--model" ? [] : ["--model", "nano"];
        (await Gemma2Program.RunAsync(["submit", .. model, "--prompt", "Hello", option, value])).Failed(2, option, value, allowed);
    }

    [Theory]
    [InlineData("--max-tokens", "0", "1 or more")]
    [InlineData("--temperature", "NaN", "0 to 2")]
    [InlineData("--context", "0", "1 or more")]
    [InlineData("--kv", "f64", "f16 or f32")]
    [InlineData("--tokens", "2,x", "token ids")]
    [InlineData("--tokens", "2,,4", "token ids")]
    [InlineData("--tokens", "2,-4", "token ids")]
    [InlineData("--tokens", "2,99999999999", "token ids")]
    [InlineData("--tokens", "", "token ids")]
    [InlineData("--prompt", "", "empty")]
    [InlineData("--chat", "", "empty")]
    public async Task Generate_ValueNotAllowed_IsBadUsageThatNamesIt(string option, string value, string allowed)
    {
        string[] prompt = option is "--tokens" or "--prompt" or "--chat" ? [] : ["--tokens", "2"];
        (await Gemma2Program.RunAsync(["generate", "no-such-model", .. prompt, option, value])).Failed(2, option, value, allowed);
    }

    [Theory]
    [InlineData]
    [InlineData("--prompt", "a", "--chat", "b")]
    [InlineData("--chat", "b", "--tokens", "2")]
    public async Task Generate_NotExactlyOnePrompt_IsBadUsage(params string[] prompts) =>
        (await Gemma2Program.RunAsync(["generate", "no-such-model", .. prompts])).Failed(2, "--prompt", "--chat", "--tokens");

    [Theory]
    [InlineData("--out", "out")]
    [InlineData("--tokens-file", "in")]
    public async Task Logits_OneFileOnly_IsBadUsage(string option, string value) =>
        (await Gemma2Program.RunAsync(["logits", "no-such-model", option, value])).Failed(2, "required", "gemma2 logits --help");

    [Theory]
    [InlineData]
    [InlineData("--prompt", "a", "--chat", "b")]
    public async Task Submit_NotExactlyOnePrompt_IsBadUsage(params string[] prompts) =>
        (await Gemma2Program.RunAsync(["submit", "--model", "nano", .. prompts])).Failed(2, "--prompt", "--chat");
}
