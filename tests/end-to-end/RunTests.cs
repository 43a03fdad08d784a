using System.Text.RegularExpressions;

namespace Gemma2.EndToEnd.Tests;

/// <summary>The whole service as run.sh starts it: Azurite, the embedded model, the function app, one answer over HTTP and one through the queue.</summary>
public sealed partial class RunTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task RunOnce_EmbeddedModel_GivesBothAnswersAndLeavesNothing()
    {
        await using Script run = Script.Start(null, "./run.sh", "--once");

        await AssertBothAnswersAsync(run);
    }

    [Fact]
    public async Task RunOnce_TwoAtTheSameTime_BothGiveTheirAnswers()
    {
        await using Script first = Script.Start(null, "./run.sh", "--once");
        await using Script second = Script.Start(null, "./run.sh", "--once");

        await AssertBothAnswersAsync(first);
        await AssertBothAnswersAsync(second);
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public async Task Run_StaysUpUntilASignal_ThenLeavesNothing(string signal, int exitCode)
    {
        await using Script run = Script.Start(null, "./run.sh");
        await run.WaitForOutputAsync("==> Up.");
        using var http = new HttpClient { BaseAddress = new Uri(Url().Match(run.Output).Value), Timeout = Patience };
        string models = await http.GetStringAsync(new Uri("/v1/models", UriKind.Relative), TestContext.Current.CancellationToken);
        await run.SignalAsync(signal);

        Assert.Contains("\"nano\"", models, StringComparison.Ordinal);
        Assert.Equal(exitCode, await run.WaitAsync());
        Assert.Empty(await run.LivingProcessesAsync());
    }

    [Fact]
    public async Task Run_SmokeTest_PassesEveryStep()
    {
        await using Script run = Script.Start(null, "./run.sh");
        await run.WaitForOutputAsync("==> Up.");
        (int exitCode, string output) = await Script.RunBashAsync($"infra/smoke.sh {Url().Match(run.Output).Value}");

        Assert.True(exitCode == 0, output);
        Assert.Equal(["cold", "completion", "stream", "job", "batch"], output.Split('\n').Where(line => line.StartsWith("  ok ", StringComparison.Ordinal)).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]));
    }

    [Fact]
    public async Task RunOnce_WrongSetting_FailsAndShowsTheReason()
    {
        await using Script run = Script.Start(new Dictionary<string, string> { ["Gemma2__ContextLength"] = "0" }, "./run.sh", "--once");

        Assert.Equal(1, await run.WaitAsync());
        Assert.Contains("Gemma2__ContextLength is '0'", run.Output, StringComparison.Ordinal);
        Assert.Empty(await run.LivingProcessesAsync());
    }

    [Fact]
    public async Task Run_UnknownArgument_SaysHowToCallIt()
    {
        await using Script run = Script.Start(null, "./run.sh", "--twice");

        Assert.Equal(2, await run.WaitAsync());
        Assert.StartsWith("usage: ./run.sh ", run.Output, StringComparison.Ordinal);
    }

    private static async Task AssertBothAnswersAsync(Script run)
    {
        Assert.True(await run.WaitAsync() == 0, run.Output);
        Assert.Contains("    answer       The capital of France is Paris.\n", run.Output, StringComparison.Ordinal);
        Assert.Contains("    answer       {\"name\": \"Anna\", \"age\": 31}\n", run.Output, StringComparison.Ordinal);
        Assert.Matches(ResultBlob(), run.Output);
        Assert.Empty(await run.LivingProcessesAsync());
    }

    [GeneratedRegex("http://127\\.0\\.0\\.1:[0-9]+")]
    private static partial Regex Url();

    [GeneratedRegex("    result blob  completions/[-a-z0-9]+\\.json\n")]
    private static partial Regex ResultBlob();
}
