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
        Assert.Contains("a test wrote this\n", output, StringComparison.Ordinal);
        Assert.EndsWith("\n3 passed, 0 failed\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunTests_OneFails_ShowsWhyAndFails()
    {
        (int exitCode, string output) = await RunAsync(
            Starting + """echo '{"$type":"test-failed","TestUniqueID":"1","Messages":["expected 1"],"StackTraces":["at A.B()"]}'""" + "\n" + Finished + "exit 1", Passed);

        Assert.Equal(1, exitCode);
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
        await using Script script = Start("LONGEST_TEST_SECONDS=1", Passed + Starting.Replace("A.B", "A.Hangs", StringComparison.Ordinal) + "sleep 1000 & wait", Passed);

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
        await using Script script = Start("--failed='dotnet format'", Passed);

        Assert.Equal(1, await script.WaitAsync());
        Assert.StartsWith("FAILED   dotnet format\n", script.Output, StringComparison.Ordinal);
        Assert.EndsWith("\n1 passed, 1 failed\n", script.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunTests_Terminated_LeavesNoProcess()
    {
        await using Script script = Start("", "echo up; sleep 1000 & wait");
        await script.WaitForOutputAsync("up\n");
        await script.SignalAsync("TERM");

        Assert.NotEqual(0, await script.WaitAsync());
        Assert.Empty(await script.LivingProcessesAsync());
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task<(int ExitCode, string Output)> RunAsync(params string[] executables)
    {
        await using Script script = Start("", executables);
        int exitCode = await script.WaitAsync();
        return (exitCode, script.Output);
    }

    // PREFIX holds variables before, or an option after, the command.
    private Script Start(string prefix, params string[] executables)
    {
        IEnumerable<string> files = executables.Select((lines, i) =>
        {
            string file = Path.Combine(_folder, $"Fake{i}.Tests");
            File.WriteAllText(file, "#!/bin/bash\n" + lines + "\n");
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return file;
        });
        bool option = prefix.StartsWith('-');
        string line = $"{(option ? "" : prefix)} exec node scripts/run-tests.mjs {(option ? prefix : "")} {string.Join(' ', files)}";
        return Script.Start(null, "bash", "-c", line);
    }
}
