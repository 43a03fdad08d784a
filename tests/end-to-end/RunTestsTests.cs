namespace Gemma2.EndToEnd.Tests;

/// <summary>scripts/run-tests.mjs over stand-ins for test executables, which print the events of xunit's json reporter.</summary>
public sealed class RunTestsTests : IDisposable
{
    private const string Starting = """echo '{"$type":"test-starting","TestUniqueID":"1","TestDisplayName":"A.B"}'""" + "\n";
    private const string Finished = """echo '{"$type":"test-finished","TestUniqueID":"1"}'""" + "\n";
    private const string Passed = Starting + """echo '{"$type":"test-passed","TestUniqueID":"1"}'""" + "\n" + Finished;

    private readonly string _folder = Directory.CreateTempSubdirectory("gemma2-run-tests-").FullName;

    [Fact]
    public async Task RunTests_AllPass_SumsOverProjects()
    {
        (int exitCode, string output) = await RunAsync(Passed + Passed, "echo a test wrote this\n" + Passed);

        Assert.Equal(0, exitCode);
        Assert.Contains("Fake1.Tests: a test wrote this\n", output, StringComparison.Ordinal);
        Assert.EndsWith("\n3 passed, 0 failed\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunTests_TwoLanes_RunTwoAtATimeAndSumOverAll()
    {
        // Each waits for the other to have started; the third starts when one of them has ended.
        static string Meets(string own, string other) => $"touch \"$0.{own}\"; until [[ -e ${{0%/*}}/{other} ]]; do sleep 0.02; done; echo met\n" + Passed;
        await using Script script = Start("", "--lanes=2", Meets("a", "Fake1.Tests.b"), Meets("b", "Fake0.Tests.a"), Passed);

        Assert.Equal(0, await script.WaitAsync());
        Assert.Contains("Fake0.Tests: met\n", script.Output, StringComparison.Ordinal);
        Assert.Contains("Fake1.Tests: met\n", script.Output, StringComparison.Ordinal);
        Assert.EndsWith("\n3 passed, 0 failed\n", script.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunTests_TestHangsBesideAnother_NamesItAndRunsTheRest()
    {
        await using Script script = Start(
            "LONGEST_TEST_SECONDS=1", "--lanes=2", Starting.Replace("A.B", "A.Hangs", StringComparison.Ordinal) + "sleep 1000 & wait", Passed, Passed);

        Assert.Equal(1, await script.WaitAsync());
        Assert.Contains("FAILED   A.Hangs\n", script.Output, StringComparison.Ordinal);
        Assert.EndsWith("\n2 passed, 1 failed\n", script.Output, StringComparison.Ordinal);
        Assert.Empty(await script.LivingProcessesAsync());
    }

    [Fact]
    public async Task RunTests_ProcessesLeftBehind_EndsThemAndGoesOn()
    {
        await using Script script = Start("", "", Passed + "sleep 1000 &", Passed);

        Assert.Equal(0, await script.WaitAsync());
        Assert.EndsWith("\n2 passed, 0 failed\n", script.Output, StringComparison.Ordinal);
        Assert.Empty(await script.LivingProcessesAsync());
    }

    [Theory]
    [InlineData("--lanes=0")]
    [InlineData("--lanes=two")]
    [InlineData("--lane=2")]
    public async Task RunTests_UnknownOption_SaysWhatIsAllowed(string option)
    {
        await using Script script = Start("", option, Passed);

        Assert.Equal(2, await script.WaitAsync());
        Assert.Equal($"run-tests.mjs: {option}? Allowed are --lanes=N with N of 1 or more, --failed=CHECK and executables.\n", script.Output);
    }

    [Fact]
    public async Task RunTests_OneFails_ShowsWhyAndFails()
    {
        (int exitCode, string output) = await RunAsync(
            Starting + """echo '{"$type":"test-failed","TestUniqueID":"1","Messages":["expected 1"],"StackTraces":["at A.B()"]}'""" + "\n" + Finished + "echo not an event >&2; exit 1", Passed);

        Assert.Equal(1, exitCode);
        Assert.Contains("Fake0.Tests: not an event\n", output, StringComparison.Ordinal);
        Assert.Contains("FAILED   A.B\n         expected 1\n         at A.B()\n", output, StringComparison.Ordinal);
        Assert.EndsWith("\n1 passed, 1 failed\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunTests_OneSkipped_ShowsItsReason()
    {
        (int exitCode, string output) = await RunAsync(Passed + Starting + """echo '{"$type":"test-skipped","TestUniqueID":"1","Reason":"no GPU"}'""" + "\n" + Finished);

        Assert.Equal(0, exitCode);
        Assert.Contains("SKIPPED  A.B: no GPU\n", output, StringComparison.Ordinal);
        Assert.EndsWith("\n1 passed, 0 failed, 1 skipped\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunTests_TestHangs_NamesItAndEndsItsProcesses()
    {
        await using Script script = Start("LONGEST_TEST_SECONDS=1", "", Passed + Starting.Replace("A.B", "A.Hangs", StringComparison.Ordinal) + "sleep 1000 & wait", Passed);

        Assert.Equal(1, await script.WaitAsync());
        Assert.Contains("FAILED   A.Hangs\n         did not end: running for ", script.Output, StringComparison.Ordinal);
        Assert.EndsWith("\n2 passed, 1 failed\n", script.Output, StringComparison.Ordinal);
        Assert.Empty(await script.LivingProcessesAsync());
    }

    [Theory]
    [InlineData(Passed + "exit 3", "its process ended with exit code 3", "1 passed, 1 failed")]
    [InlineData(Passed + "kill -s SEGV $$", "its process ended with SIGSEGV", "1 passed, 1 failed")]
    [InlineData("exit 0", "no test ran", "0 passed, 1 failed")]
    public async Task RunTests_ProcessEndsBadly_CountsAsFailed(string lines, string reason, string sum)
    {
        (int exitCode, string output) = await RunAsync(lines);

        Assert.Equal(1, exitCode);
        Assert.Contains(reason, output, StringComparison.Ordinal);
        Assert.EndsWith($"\n{sum}\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunTests_CrashInATest_NamesTheTest()
    {
        (int exitCode, string output) = await RunAsync(Passed + Starting.Replace("A.B", "A.Crashes", StringComparison.Ordinal) + "kill -s ABRT $$");

        Assert.Equal(1, exitCode);
        Assert.Contains("FAILED   A.Crashes\n", output, StringComparison.Ordinal);
        Assert.EndsWith("\n1 passed, 1 failed\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunTests_MissingExecutable_CountsAsFailed()
    {
        (int exitCode, string output) = await Script.RunBashAsync("node scripts/run-tests.mjs no-such-folder/Some.Tests");

        Assert.Equal(1, exitCode);
        Assert.Contains("FAILED   Some.Tests\n", output, StringComparison.Ordinal);
        Assert.EndsWith("0 passed, 1 failed\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunTests_CheckFailedBefore_CountsAsFailed()
    {
        await using Script script = Start("", "--failed='dotnet format'", Passed);

        Assert.Equal(1, await script.WaitAsync());
        Assert.StartsWith("FAILED   dotnet format\n", script.Output, StringComparison.Ordinal);
        Assert.EndsWith("\n1 passed, 1 failed\n", script.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task RunTests_Terminated_LeavesNoProcess(int lanes)
    {
        const string Stays = "echo up; sleep 1000 & wait";
        await using Script script = Start("", $"--lanes={lanes}", Stays, Stays);
        await script.WaitForOutputAsync($"Fake{lanes - 1}.Tests: up\n");
        await script.SignalAsync("TERM");

        Assert.NotEqual(0, await script.WaitAsync());
        Assert.Empty(await script.LivingProcessesAsync());
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task<(int ExitCode, string Output)> RunAsync(params string[] executables)
    {
        await using Script script = Start("", "", executables);
        int exitCode = await script.WaitAsync();
        return (exitCode, script.Output);
    }

    private Script Start(string variables, string options, params string[] executables)
    {
        IEnumerable<string> files = executables.Select((lines, i) =>
        {
            string file = Path.Combine(_folder, $"Fake{i}.Tests");
            File.WriteAllText(file, "#!/bin/bash\n" + lines + "\n");
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return file;
        });
        return Script.Start(null, "bash", "-c", $"{variables} exec node scripts/run-tests.mjs {options} {string.Join(' ', files)}");
    }
}
