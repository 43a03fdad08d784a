using System.CommandLine;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Batches;

namespace Gemma2.Cli.Commands.Batches;

/// <summary><c>gemma2 batch results</c>: answers and errors of the requests that are done, also while the others run.</summary>
internal static class BatchResultsCommand
{
    private static readonly byte[] LineEnd = "\n"u8.ToArray();

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> id = TargetArguments.Id("The batch.");
        Option<string?> after = Values.Text("--after", "Leave out what was given before: what an earlier run said was next.", "NEXT");
        Option<bool> follow = new("--follow") { Description = "Go on until the batch has ended." };
        Option<string?> owner = TargetArguments.Owner();
        var command = new Command("results", "Print the results that there are, answers and errors, a line of JSON each, also while the batch runs.") { id, after, follow, owner };
        command.SetAction((parse, cancellationToken) => RunAsync(
            new OwnedId(parse.GetValue(owner), parse.GetRequiredValue(id)), parse.GetValue(after) ?? "", parse.GetValue(follow), cancellationToken));
        return command;
    }

    private static async Task RunAsync(OwnedId key, string after, bool follow, CancellationToken cancellationToken)
    {
        var results = new BatchResults(StorageConnection.FromEnvironment());
        await using Stream stdout = Console.OpenStandardOutput();
        bool hasEnded = false;
        try
        {
            // Of a batch that runs what there is now; with --follow also what comes.
            hasEnded = await Watch.UntilAsync(
                ReadAllAsync, ended => ended || !follow, _ => { }, error => Console.Error.WriteLine($"gemma2: storage does not answer, trying again ({ErrorText.Describe(error)})"), cancellationToken);
        }
        catch (OperationCanceledException)
        {
            throw new InterruptedException($"interrupted; the rest: gemma2 batch results {key.ForCommandLine()} --after {after}");
        }
        if (!hasEnded) Console.Error.WriteLine($"gemma2: the batch goes on; the next results: gemma2 batch results {key.ForCommandLine()} --after {after}");

        async Task<bool> ReadAllAsync(CancellationToken token)
        {
            while (true)
            {
                BatchResultPage page = await results.TryReadAsync(key, after, BatchResults.MaxLines, token) ?? throw new BatchException($"There is no batch {key.Id}.");
                foreach (ReadOnlyMemory<byte> line in page.Lines)
                {
                    await stdout.WriteAsync(line, token);
                    await stdout.WriteAsync(LineEnd, token);
                }
                after = page.Next;
                if (!page.HasMore) return page.Status is BatchStatus.Completed or BatchStatus.Failed or BatchStatus.Expired or BatchStatus.Cancelled;
            }
        }
    }
}
