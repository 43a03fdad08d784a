using System.Diagnostics;
using System.Text;
using Gemma2.Golden;

namespace Gemma2.Cli.Tests;

/// <summary>Runs the real program, as a shell would.</summary>
internal static class Gemma2Program
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>The program's file.</summary>
    public static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "gemma2");

    /// <summary>The checkout's folder.</summary>
    public static string Repository { get; } = Path.GetFullPath(Path.Combine(GoldenModels.Root, "..", ".."));

    /// <summary>Runs <c>gemma2 ARGUMENTS</c> to its end.</summary>
    public static Task<Outcome> RunAsync(params string[] arguments) => RunAsync(arguments, input: "");

    /// <summary>Runs <c>gemma2 ARGUMENTS</c> with text on its standard input and a few changed environment variables.</summary>
    public static Task<Outcome> RunAsync(string[] arguments, string input, params (string Name, string? Value)[] environment) =>
        RunAsync(arguments, Utf8.GetBytes(input), environment);

    /// <summary>Runs <c>gemma2 ARGUMENTS</c> with bytes on its standard input and a few changed environment variables.</summary>
    public static Task<Outcome> RunAsync(string[] arguments, byte[] input, params (string Name, string? Value)[] environment) =>
        RunAsync(Start(arguments, environment), input);

    /// <summary>Runs a line of shell, where the program is <c>$GEMMA2</c> and the checkout <c>$REPOSITORY</c>.</summary>
    public static Task<Outcome> RunInShellAsync(string line, params (string Name, string? Value)[] environment) =>
        RunAsync(Start("sh", ["-c", line], [("GEMMA2", Program), ("REPOSITORY", Repository), .. environment]), []);

    /// <summary>Starts <c>gemma2 ARGUMENTS</c> and leaves it running.</summary>
    public static Process Start(string[] arguments, params (string Name, string? Value)[] environment) => Start(Program, arguments, environment);

    private static Process Start(string program, string[] arguments, (string Name, string? Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Utf8,
            StandardErrorEncoding = Utf8,
        };
        foreach ((string name, string? value) in environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private static async Task<Outcome> RunAsync(Process started, byte[] input)
    {
        using Process process = started;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await WriteInputAsync(process, input);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return new Outcome(process.ExitCode, await output, await error);
    }

    // A program that refuses its arguments ends without reading its input.
    private static async Task WriteInputAsync(Process process, byte[] input)
    {
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(input, TestContext.Current.CancellationToken);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            Assert.True(process.WaitForExit(TimeSpan.FromMinutes(1)), "The program closed its input and goes on.");
        }
    }
}

/// <summary>How a run ended.</summary>
/// <param name="ExitCode">0 success, 1 failure, 2 bad usage.</param>
/// <param name="Output">All of standard output.</param>
/// <param name="Error">All of standard error.</param>
internal sealed record Outcome(int ExitCode, string Output, string Error)
{
    /// <summary>Standard output of a run that must have succeeded.</summary>
    public string Succeeded()
    {
        Assert.True(ExitCode == 0, $"exit {ExitCode}: {Error}");
        return Output;
    }

    /// <summary>Checks a failure: its exit code, nothing on stdout, and one line on stderr that mentions all of <paramref name="mentions"/>.</summary>
    public void Failed(int exitCode, params string[] mentions)
    {
        Assert.Equal("", Output);
        Assert.StartsWith("gemma2: ", Error);
        Assert.Equal(Error.Length - 1, Error.IndexOf('\n'));
        Assert.True(Error.Length < 600, Error);
        Assert.DoesNotContain("   at ", Error);
        Assert.DoesNotContain("unexpected", Error);
        foreach (string mention in mentions) Assert.Contains(mention, Error);
        Assert.Equal(exitCode, ExitCode);
    }
}
