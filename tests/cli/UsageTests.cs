namespace Gemma2.Cli.Tests;

/// <summary>What is wrong with a command line is said in one line, with exit code 2, before anything is loaded.</summary>
public sealed class UsageTests
{
    [Fact]
    public async Task Run_NoCommand_ShowsWhatThereIs() => Assert.Equal((await Gemma2Program.RunAsync("--help")).Succeeded(), (await Gemma2Program.RunAsync()).Succeeded());

    [Theory]
    [InlineData("generate", "genrate")]
    [InlineData("tokenize", "Tokenise")]
    [InlineData("batch", "bacth")]
    [InlineData("retry", "batch", "rerty")]
    [InlineData("--prompt", "generate", "model", "--promt", "Hi")]
    [InlineData("--max-tokens", "generate", "model", "--max_tokens=3")]
    [InlineData("--json", "devices", "--jason")]
    [InlineData("--help", "devices", "--hlep")]
    public async Task Run_WordWithAMistake_NamesTheOneThatIsMeant(string meant, params string[] arguments) =>
        (await Gemma2Program.RunAsync(arguments)).Failed(2, $"Did you mean {meant}?", "--help");

    [Fact]
    public async Task Run_WordLikeNoOther_GuessesNothing() => Assert.DoesNotContain("Did you mean", (await Gemma2Program.RunAsync("zzzzzz")).Error, StringComparison.Ordinal);

    [Theory]
    [InlineData("gemma2 gen", "generate")]
    [InlineData("gemma2 batch re", "results retry")]
    [InlineData("gemma2 generate model --max-t", "--max-tokens")]
    [InlineData("gemma2 completion ", "bash pwsh zsh")]
    [InlineData("gemma2 inspect /tm", "")]
    public async Task Completion_InBash_OffersWhatMayComeNext(string line, string offered)
    {
        string script = $$"""
            source <("$GEMMA2" completion bash)
            COMP_LINE='{{line}}' COMP_POINT={{line.Length}}
            _gemma2 "$GEMMA2" '{{line[(line.LastIndexOf(' ') + 1)..]}}' ''
            printf '%s\n' "${COMPREPLY[@]}" | grep --invert-match '^-h\|^--help' | sort | paste --serial --delimiters=' '
            complete -p gemma2
            """;

        string output = (await Gemma2Program.RunInShellAsync($"bash -euo pipefail -c '{script.Replace("'", "'\\''", StringComparison.Ordinal)}'")).Succeeded();

        Assert.Equal($"{offered}\ncomplete -o default -F _gemma2 gemma2\n", output);
    }

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
    [InlineData("jobs")]
    [InlineData("jobs show")]
    [InlineData("jobs cancel")]
    [InlineData("jobs requeue")]
    [InlineData("batch")]
    [InlineData("batch submit")]
    [InlineData("batch watch")]
    [InlineData("batch cancel")]
    [InlineData("batch fetch")]
    [InlineData("batch show")]
    [InlineData("batch results")]
    [InlineData("batch retry")]
    [InlineData("batch estimate")]
    public async Task Run_CommandAlone_IsBadUsage(string command) => (await Gemma2Program.RunAsync(command.Split(' '))).Failed(2, $"gemma2 {command} --help");

    [Theory]
    [InlineData("--help")]
    [InlineData("inspect", "--help")]
    [InlineData("submit", "-h")]
    [InlineData("jobs", "--help")]
    [InlineData("batch", "fetch", "--help")]
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
    [InlineData("--id", "", "letters")]
    [InlineData("--id", "../x", "letters")]
    [InlineData("--id", "a/b", "letters")]
    [InlineData("--id", "a\nb", "letters")]
    [InlineData("--owner", "Team", "lower-case")]
    [InlineData("--owner", "..", "lower-case")]
    [InlineData("--callback", "http://example.com/x", "https")]
    [InlineData("--callback", "example.com", "https")]
    [InlineData("--callback", "https://me:secret@example.com", "without a password")]
    [InlineData("--model", "", "empty")]
    public async Task Submit_ValueNotAllowed_IsBadUsageThatNamesIt(string option, string value, string allowed)
    {
        string[] model = option == "--model" ? [] : ["--model", "nano"];
        (await Gemma2Program.RunAsync(["submit", .. model, "--prompt", "Hello", option, value])).Failed(2, option, value.Replace('\n', ' '), allowed);
    }

    [Theory]
    [InlineData("--max-tokens", "0", "1 or more")]
    [InlineData("--temperature", "NaN", "0 to 2")]
    [InlineData("--context", "0", "1 or more")]
    [InlineData("--kv", "f64", "auto or f16 or f32 or q8_0")]
    [InlineData("--generation-config", "vllm", "auto and none")]
    [InlineData("--kernels", "fast", "one of cpu, generic, tiled, coopmat, int8")]
    [InlineData("--kernels", "-fast", "-coopmat")]
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

    [Fact]
    public async Task Submit_CallbackThatGetsTooLongWhenItIsEscaped_IsBadUsage() =>
        (await Gemma2Program.RunAsync("submit", "--model", "nano", "--prompt", "Hello", "--callback", "https://example.com/" + new string('\u00fc', 400)))
            .Failed(2, "--callback");

    [Fact]
    public async Task Submit_PromptWithoutModel_IsBadUsage() => (await Gemma2Program.RunAsync("submit", "--prompt", "a")).Failed(2, "--model", "required");

    [Theory]
    [InlineData("--temperature", "1")]
    [InlineData("--seed", "5")]
    public async Task Submit_FileWithSampling_IsBadUsage(string option, string value) =>
        (await Gemma2Program.RunAsync("submit", "--file", "body.json", option, value)).Failed(2, option, "--file");

    [Theory]
    [InlineData("jobs show")]
    [InlineData("jobs cancel")]
    [InlineData("jobs requeue good")]
    [InlineData("batch watch")]
    [InlineData("batch cancel")]
    [InlineData("batch fetch")]
    [InlineData("batch list --after")]
    public async Task Run_HostileId_IsBadUsageThatSaysWhatIsAllowed(string command)
    {
        // All have the same check; one command is asked for all of it.
        string[] more = command == "jobs show" ? ["a/b", "a\\b", "..", "a b", "a%2Fb", "a?x=1", "\u00e4", "a\u001b[2J", new string('a', 65)] : [];
        foreach (string id in (string[])["../secrets", "", .. more])
            (await Gemma2Program.RunAsync([.. command.Split(' '), id])).Failed(2, "1 to 64 letters");
    }

    [Theory]
    [InlineData("jobs show")]
    [InlineData("jobs failed")]
    [InlineData("batch watch")]
    [InlineData("batch list")]
    public async Task Run_HostileOwner_IsBadUsageThatSaysWhatIsAllowed(string command)
    {
        string[] id = command is "jobs failed" or "batch list" ? [] : ["good"];
        string[] more = command == "jobs show" ? ["A", "", "a/b", new string('a', 33)] : [];
        foreach (string owner in (string[])["../x", .. more])
            (await Gemma2Program.RunAsync([.. command.Split(' '), .. id, "--owner", owner])).Failed(2, "1 to 32 lower-case letters");
    }

    [Theory]
    [InlineData]
    [InlineData("one", "--all-failed")]
    public async Task Requeue_NotIdsOrAll_IsBadUsage(params string[] what) => (await Gemma2Program.RunAsync(["jobs", "requeue", .. what])).Failed(2, "--all-failed");

    [Theory]
    [InlineData("--endpoint", "/v1/embeddings", "/v1/chat/completions, /v1/completions, /v1/responses")]
    [InlineData("--metadata", "note", "KEY=VALUE")]
    [InlineData("--metadata", "=note", "KEY=VALUE")]
    [InlineData("--window", "", "empty")]
    public async Task BatchSubmit_ValueNotAllowed_IsBadUsageThatNamesIt(string option, string value, string allowed) =>
        (await Gemma2Program.RunAsync("batch", "submit", "no-such-file", option, value)).Failed(2, option, value, allowed);

    [Fact]
    public async Task BatchSubmit_NoteTwice_IsBadUsage() =>
        (await Gemma2Program.RunAsync("batch", "submit", "no-such-file", "--metadata", "a=1", "--metadata", "a=2")).Failed(2, "--metadata", "'a' twice");

    [Theory]
    [InlineData("0")]
    [InlineData("101")]
    [InlineData("many")]
    public async Task BatchList_LimitNotAllowed_IsBadUsage(string limit) => (await Gemma2Program.RunAsync("batch", "list", "--limit", limit)).Failed(2, "1 to 100");

    [Theory]
    [InlineData("same file", "--output", "a", "--errors", "./a")]
    [InlineData("same file", "--output", "-", "--errors", "-")]
    [InlineData("--json", "--json")]
    [InlineData("--json", "--json", "--output", "-")]
    [InlineData("--json", "--json", "--output", "a", "--errors", "-")]
    public async Task BatchFetch_FilesThatDoNotGoTogether_IsBadUsage(string mention, params string[] options) =>
        (await Gemma2Program.RunAsync(["batch", "fetch", "some", .. options])).Failed(2, mention);

    [Theory]
    [InlineData("jobs", "show", "x")]
    [InlineData("jobs", "cancel", "x")]
    [InlineData("jobs", "failed")]
    [InlineData("jobs", "requeue", "x")]
    [InlineData("batch", "watch", "x")]
    [InlineData("batch", "cancel", "x")]
    [InlineData("batch", "fetch", "x")]
    [InlineData("batch", "list")]
    [InlineData("submit", "--model", "nano", "--prompt", "x")]
    public async Task Run_NoStorageConfigured_FailsAndNamesTheSetting(params string[] arguments) =>
        (await Gemma2Program.RunAsync(arguments, "", ("AzureWebJobsStorage", null))).Failed(1, "AzureWebJobsStorage");

    [Theory]
    [InlineData("tokenize samples/nano")]
    [InlineData("detokenize samples/nano")]
    [InlineData("submit --file -")]
    public async Task Run_StandardInputClosed_FailsAtOnce(string arguments) =>
        (await Gemma2Program.RunInShellAsync($"cd \"$REPOSITORY\" && \"$GEMMA2\" {arguments} <&-")).Failed(1, "input is closed");

    [Theory]
    [InlineData("devices --json")]
    [InlineData("tokenize samples/nano")]
    public async Task Run_StandardOutputClosed_FailsAtOnce(string arguments) =>
        (await Gemma2Program.RunInShellAsync($"cd \"$REPOSITORY\" && \"$GEMMA2\" {arguments} >&-")).Failed(1, "output is closed");
}
