namespace Gemma2.EndToEnd.Tests;

/// <summary>scripts/processes.sh: nothing that a script started outlives it.</summary>
public sealed class ProcessesTests
{
    // Two services; the first has a child that ignores all but SIGKILL.
    private const string TwoServices = """
        source scripts/common.sh
        source scripts/processes.sh
        on_exit_stop_all ended
        ended() { echo "ended with $1"; }
        start /dev/null bash -c '(trap "" TERM HUP INT; sleep 1000) & wait'
        start /dev/null sleep 1000
        """;

    [Theory]
    [InlineData("TERM", 143)]
    [InlineData("INT", 130)]
    [InlineData("HUP", 129)]
    public async Task Start_SignalToTheScript_StopsAllInOrder(string signal, int exitCode)
    {
        await using Script script = Start($"{TwoServices}\necho up\nwait");
        await script.WaitForOutputAsync("up\n");
        await script.SignalAsync(signal);

        Assert.Equal(exitCode, await script.WaitAsync());
        Assert.Equal($"up\nended with {exitCode}\n", script.Output);
        Assert.Empty(await script.LivingProcessesAsync());
    }

    [Theory]
    [InlineData("exit 0", 0)]
    [InlineData("exit 7", 7)]
    [InlineData("false", 1)]
    [InlineData("echo $undefined", 1)]
    public async Task Start_ScriptEnds_StopsAllAndKeepsTheExitCode(string end, int exitCode)
    {
        await using Script script = Start($"{TwoServices}\n{end}");

        Assert.Equal(exitCode, await script.WaitAsync());
        Assert.EndsWith($"ended with {exitCode}\n", script.Output, StringComparison.Ordinal);
        Assert.Empty(await script.LivingProcessesAsync());
    }

    [Fact]
    public async Task Start_ScriptKilled_ServicesEndToo()
    {
        // Each says when it runs: until then the kernel does not know yet that it shall end with the script.
        await using Script script = Start("""
            source scripts/common.sh
            source scripts/processes.sh
            start_group bash -c 'echo first; exec sleep 1000'
            start_group bash -c 'echo second; exec sleep 1000'
            wait
            """);
        await script.WaitForOutputAsync("first\n");
        await script.WaitForOutputAsync("second\n");

        await script.SignalAsync("KILL");
        await script.WaitAsync();

        Assert.Empty(await script.LivingProcessesAsync());
    }

    [Fact]
    public async Task Run_SignalToTheScript_EndsTheStepAtOnce()
    {
        await using Script script = Start("source scripts/common.sh; source scripts/processes.sh; on_exit_stop_all; run bash -c 'echo began; sleep 1000; echo went on'; echo after");
        await script.WaitForOutputAsync("began\n");
        await script.SignalAsync("TERM");

        Assert.Equal(143, await script.WaitAsync());
        Assert.Equal("began\n", script.Output);
        Assert.Empty(await script.LivingProcessesAsync());
    }

    [Fact]
    public async Task Run_StepLeavesAProcess_EndsIt()
    {
        await using Script script = Start("source scripts/common.sh; source scripts/processes.sh; on_exit_stop_all; run bash -c 'sleep 1000 & echo done'; echo after");

        Assert.Equal(0, await script.WaitAsync());
        Assert.Equal("done\nafter\n", script.Output);
        Assert.Empty(await script.LivingProcessesAsync());
    }

    [Fact]
    public async Task Run_StepFails_GivesItsExitCode()
    {
        (int exitCode, string output) = await Script.RunBashAsync("source scripts/common.sh; source scripts/processes.sh; on_exit_stop_all; run bash -c 'exit 9' || echo \"gave $?\"");

        Assert.Equal((0, "gave 9\n"), (exitCode, output));
    }

    [Fact]
    public async Task Run_ServiceEndsMeanwhile_FailsAndNamesItsLog()
    {
        (int exitCode, string output) = await Script.RunBashAsync(
            "source scripts/common.sh; source scripts/processes.sh; on_exit_stop_all; start /dev/null sleep 0.5; run sleep 1000; echo after");

        Assert.Equal((1, "error: the process that writes /dev/null ended by itself.\n"), (exitCode, output));
    }

    [Fact]
    public async Task Run_ServiceEndedBefore_FailsAndNamesItsLog()
    {
        (int exitCode, string output) = await Script.RunBashAsync(
            "source scripts/common.sh; source scripts/processes.sh; on_exit_stop_all; start /dev/null true; sleep 0.5; run sleep 1000; echo after");

        Assert.Equal((1, "error: the process that writes /dev/null ended by itself.\n"), (exitCode, output));
    }

    [Fact]
    public async Task AwaitLine_ProcessEndsWithoutIt_Fails()
    {
        (int exitCode, string output) = await Script.RunBashAsync("""
            source scripts/common.sh
            source scripts/processes.sh
            on_exit_stop_all
            log=$(mktemp)
            start "$log" bash -c 'echo first'
            await_line "$log" $! 's/^first$/found/p'
            await_line "$log" $! 's/^second$/found/p' || echo "failed"
            rm "$log"
            """);

        Assert.Equal((0, "found\nfailed\n"), (exitCode, output));
    }

    private static Script Start(string lines) => Script.Start(null, "bash", "-euo", "pipefail", "-c", lines);
}
