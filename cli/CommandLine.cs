using System.CommandLine;
using System.CommandLine.Parsing;
using Gemma2.Cli.Commands;
using Gemma2.Cli.Commands.Batches;
using Gemma2.Cli.Commands.Jobs;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli;

/// <summary>The whole command line: parses it, runs one command, and turns every outcome into an exit code and at most one line on stderr.</summary>
internal static class CommandLine
{
    private const int Failed = 1;
    private const int BadUsage = 2;
    private const int Interrupted = 130;

    // A command that is interrupted ends within one step; this is for a step on a slow, busy machine. A chat looks after interruptions itself.
    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(10);

    /// <summary>Runs <c>gemma2 ARGS</c>, and shows what there is where there are none: 0 is success, 1 failure, 2 bad usage, 130 an interruption.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        // A prompt may begin with '@' or with a dash and letters: neither is a response file nor a bundle of options.
        ParseResult parse = Root().Parse(args is [] ? ["--help"] : args, new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false });
        if (parse.Errors.Count > 0)
            return Fail(BadUsage, $"{WhatIsWrong(parse)} See: {CommandPath(parse)} --help");
        if (!Descriptor.IsInherited(1)) return Fail(Failed, "Standard output is closed.");

        try
        {
            TimeSpan? longestEnd = parse.CommandResult.Command.Name == ChatCommand.Name ? null : LongestEnd;
            return await parse.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = longestEnd });
        }
        catch (OperationCanceledException error)
        {
            return Fail(Interrupted, error is InterruptedException ? error.Message : "interrupted");
        }
        catch (Exception error)
        {
            return Fail(Failed, ErrorText.Describe(error));
        }
    }

    private static RootCommand Root() => new("Gemma 2 on Vulkan: run models, look at them, hand them to the service, and plan its size.")
    {
        DevicesCommand.Create(),
        InspectCommand.Create(),
        GenerateCommand.Create(),
        ChatCommand.Create(),
        LogitsCommand.Create(),
        BenchCommand.Create(),
        TokenizeCommand.Create(),
        DetokenizeCommand.Create(),
        MasksCommand.Create(),
        QuantizeCommand.Create(),
        MergeCommand.Create(),
        SynthesizeCommand.Create(),
        PushCommand.Create(),
        PullCommand.Create(),
        WarmCommand.Create(),
        SubmitCommand.Create(),
        JobsCommand.Create(),
        BatchCommand.Create(),
        PlanCommand.Create(),
        StartupCommand.Create(),
        CompletionCommand.Create(),
    };

    private static int Fail(int exitCode, string message)
    {
        Console.Error.WriteLine($"gemma2: {ErrorText.OneLine(message)}");
        return exitCode;
    }

    private static string WhatIsWrong(ParseResult parse) =>
        parse.UnmatchedTokens is [var unknown, ..] ? $"Unknown command or option '{unknown}'.{DidYouMean(unknown, parse.CommandResult.Command)}" : parse.Errors[0].Message;

    private static string DidYouMean(string unknown, Command command) => Suggestion.For(unknown, command) is { } name ? $" Did you mean {name}?" : "";

    private static string CommandPath(ParseResult parse)
    {
        string path = "";
        for (SymbolResult? word = parse.CommandResult; word is CommandResult { Command: not RootCommand } command; word = word.Parent)
            path = $" {command.Command.Name}{path}";
        return $"gemma2{path}";
    }
}
