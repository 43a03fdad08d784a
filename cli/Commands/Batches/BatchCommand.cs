using System.CommandLine;

namespace Gemma2.Cli.Commands.Batches;

/// <summary><c>gemma2 batch</c>: many requests as one file, straight through storage.</summary>
internal static class BatchCommand
{
    /// <summary>The command.</summary>
    public static Command Create() => new("batch", "Hand the service a file of requests, watch it, fetch the answers.")
    {
        BatchSubmitCommand.Create(),
        BatchEstimateCommand.Create(),
        BatchShowCommand.Create(),
        BatchWatchCommand.Create(),
        BatchResultsCommand.Create(),
        BatchCancelCommand.Create(),
        BatchFetchCommand.Create(),
        BatchRetryCommand.Create(),
        BatchListCommand.Create(),
    };
}
