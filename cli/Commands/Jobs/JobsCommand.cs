using System.CommandLine;

namespace Gemma2.Cli.Commands.Jobs;

/// <summary><c>gemma2 jobs</c>: what became of jobs, straight from storage.</summary>
internal static class JobsCommand
{
    /// <summary>The command.</summary>
    public static Command Create() => new("jobs", "Look at jobs, cancel them, queue failed ones again.")
    {
        JobsShowCommand.Create(),
        JobsCancelCommand.Create(),
        JobsFailedCommand.Create(),
        JobsRequeueCommand.Create(),
    };
}
