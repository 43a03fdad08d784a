using System.CommandLine;
using Gemma2.Cli.Commands;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli;

/// <summary>The whole command line: parses it, runs one command, and turns every outcome into an exit code and at most one line on stderr.</summary>
internal static class CommandLine
{
    private const int Failed = 1;
    private const int BadUsage = 2;
    private const int Interrupted = 130;

    // A command that is interrupted ends within one step; this is for a step on a slow, busy machine.
    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(10);

    /// <summary>Runs <c>gemma2 ARGS</c>: 0 is success, 1 failure, 2 bad usage, 130 an interruption.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        // A prompt may begin with '@' or with a dash and letters: neither is a response file nor a bundle of options.
        ParseResult parse = Root().Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false });
        if (parse.Errors.Count > 0)
            return Fail(BadUsage, $"{WhatIsWrong(parse)} See: {CommandPath(parse)} --help");

        try
        {
            return await parse.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = LongestEnd });
        }
        catch (OperationCanceledException)
        {
            return Fail(Interrupted, "interrupted");
        }
        catch (Exception error)
        {
            return Fail(Failed, ErrorText.Describe(error));
        }
    }

    private static RootCommand Root() => new("Gemma 2 on Vulkan: run models, look at them, and hand them to the service.")
    {
        DevicesCommand.Create(),
        InspectCommand.Create(),
        GenerateCommand.Create(),
        LogitsCommand.Create(),
        TokenizeCommand.Create(),
        DetokenizeCommand.Create(),
        PushCommand.Create(),
        PullCommand.Create(),
        SubmitCommand.Create(),
    };

    private static int Fail(int exitCode, string message)
    {
        Console.Error.WriteLine($"gemma2: {ErrorText.OneLine(message)}");
        return exitCode;
    }

    private static string WhatIsWrong(ParseResult parse) =>
        parse.UnmatchedTokens is [var unknown, ..] ? $"Unknown command or option '{unknown}'." : parse.Errors[0].Message;

    private static string CommandPath(ParseResult parse) =>
        parse.CommandResult.Command is RootCommand ? "gemma2" : $"gemma2 {parse.CommandResult.Command.Name}";
}
