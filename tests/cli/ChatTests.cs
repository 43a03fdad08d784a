using System.Diagnostics;
using Gemma2.Golden;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

public sealed class ChatTests
{
    private const string Question = "What is the capital of France?";

    private static string Nano { get; } = Path.GetFullPath(Path.Combine(GoldenModels.Root, "..", "..", "samples", "nano"));

    public ChatTests() => Machine.NeedsDevice();

    [Fact]
    public async Task Chat_OneLine_AnswersAsGenerate()
    {
        string answer = (await Gemma2Program.RunAsync("generate", Nano, "--chat", Question)).Succeeded();
        Assert.Equal(answer, (await TalkAsync($"{Question}\n")).Output);
    }

    [Fact]
    public async Task Chat_SeveralLines_KeepsWhatWasSaid()
    {
        (string output, string error) = await TalkAsync("\nHello\n\nBye", "--show-prompt", "--system", "Be brief.", "--max-tokens", "4");

        string[] answers = output.TrimEnd('\n').Split('\n');
        Assert.Equal(2, answers.Length);
        Assert.Contains(
            $"<bos><start_of_turn>user\nBe brief.\n\nHello<end_of_turn>\n<start_of_turn>model\n{answers[0].Trim()}<end_of_turn>\n<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n",
            error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chat_Retry_AnswersTheSameQuestionAgain()
    {
        string[] answers = (await TalkAsync($"{Question}\n/retry\n")).Output.TrimEnd('\n').Split('\n');
        Assert.Equal(2, answers.Length);
        Assert.Equal(answers[0], answers[1]);
    }

    [Theory]
    [InlineData("one\n/undo\ntwo\n", "two")]
    [InlineData("one\n/clear\ntwo\n", "two")]
    [InlineData("/system In French.\ntwo\n", "In French.\n\ntwo")]
    [InlineData("/system In French.\n/system\ntwo\n", "two")]
    [InlineData("\"\"\"one\n  two\n\"\"\"\n", "one\n  two")]
    [InlineData("\"\"\"one\"\"\"", "one")]
    public async Task Chat_Commands_ChangeWhatTheModelGets(string input, string turn)
    {
        (_, string error) = await TalkAsync(input, "--show-prompt", "--max-tokens", "1");
        Assert.EndsWith($"<bos><start_of_turn>user\n{turn}<end_of_turn>\n<start_of_turn>model\n", Prompts(error)[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/retry\n", "(nothing was asked yet)")]
    [InlineData("/dance\n", "(/dance is no command as it stands. ")]
    [InlineData("/help\n", "/system TEXT says how to answer")]
    [InlineData("/exit\nHello\n", "")]
    [InlineData("", "")]
    public async Task Chat_NothingToAnswer_SaysNothingOnStdout(string input, string said)
    {
        (string output, string error) = await TalkAsync(input);
        Assert.Equal("", output);
        Assert.Contains(said, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chat_MoreThanTheContextHolds_TakesTheQuestionBackAndGoesOn()
    {
        (string output, string error) = await TalkAsync($"{string.Join(' ', Enumerable.Repeat("word", 200))}\nHello\n", "--context", "64", "--show-prompt", "--max-tokens", "4");
        Assert.Contains("The question was taken back", error, StringComparison.Ordinal);
        Assert.EndsWith("<bos><start_of_turn>user\nHello<end_of_turn>\n<start_of_turn>model\n", Prompts(error)[^1], StringComparison.Ordinal);
        Assert.NotEqual("", output.Trim());
    }

    [Fact]
    public async Task Chat_Interrupted_EndsTheAnswerAndGoesOn()
    {
        using var folder = new TemporaryFolder();
        string model = Path.Combine(folder.Path, "tiny.gguf");
        (await Gemma2Program.RunAsync("synthesize", "tiny", model)).Succeeded();
        using Process process = Gemma2Program.Start(["chat", model, "--temperature", "1", "--seed", "1"]);
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.StandardInput.WriteAsync("Hello\n");
        await process.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
        Assert.NotEqual(-1, process.StandardOutput.Read());

        using (Process kill = Process.Start("kill", ["-INT", $"{process.Id}"])) await kill.WaitForExitAsync(TestContext.Current.CancellationToken);

        await process.StandardInput.WriteAsync("/exit\n");
        await process.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
        await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal((0, true), (process.ExitCode, (await error).Contains("(stopped)", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Generate_System_GoesInFrontOfTheMessage()
    {
        string talked = (await TalkAsync($"{Question}\n", "--system", "Answer briefly.")).Output;
        Assert.Equal(talked, (await Gemma2Program.RunAsync("generate", Nano, "--chat", Question, "--system", "Answer briefly.")).Succeeded());
    }

    [Fact]
    public async Task Generate_SystemWithoutChat_IsBadUsage()
    {
        Outcome outcome = await Gemma2Program.RunAsync("generate", Nano, "--prompt", "a", "--system", "b");
        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains("--system goes with --chat only.", outcome.Error, StringComparison.Ordinal);
    }

    private static async Task<(string Output, string Error)> TalkAsync(string input, params string[] options)
    {
        Outcome outcome = await Gemma2Program.RunAsync(["chat", Nano, .. options], input);
        return (outcome.Succeeded(), outcome.Error);
    }

    private static string[] Prompts(string error) =>
        [.. error.Split("<bos>").Skip(1).Select(prompt => $"<bos>{prompt[..(prompt.LastIndexOf("<start_of_turn>model\n", StringComparison.Ordinal) + "<start_of_turn>model\n".Length)]}")];
}
