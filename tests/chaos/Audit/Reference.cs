using System.Text.Json;
using Gemma2.Chaos.Tests.Work;
using Gemma2.Storage;
using Gemma2.Storage.Batches;

namespace Gemma2.Chaos.Tests.Audit;

/// <summary>A batch's results as a quiet run gives them.</summary>
/// <param name="Output">Its answers, in order.</param>
/// <param name="Errors">Its errors, in order.</param>
/// <param name="Usage">The tokens that it used.</param>
internal sealed record ExpectedBatch(IReadOnlyList<string> Output, IReadOnlyList<string> Errors, BatchUsage Usage);

/// <summary>What every run must give, as a quiet one gave it.</summary>
/// <param name="Batches">By the input's name.</param>
/// <param name="Jobs">By the job's name.</param>
internal sealed record Reference(IReadOnlyDictionary<string, ExpectedBatch> Batches, IReadOnlyDictionary<OwnedId, string> Jobs)
{
    /// <summary>Reads the results of a quiet run, in which each input was run once, and looks whether they are what the inputs say.</summary>
    public static async Task<Reference> ReadAsync(Account account, Ledger ledger, CancellationToken cancellationToken)
    {
        var batches = new Dictionary<string, ExpectedBatch>();
        foreach (BatchRecord batch in await account.ListBatchesAsync(cancellationToken))
        {
            BatchInput input = ledger.Files[(await account.Files.TryGetAsync(new OwnedId(batch.Key.Owner, batch.InputFileId), cancellationToken))!.Name];
            var expected = new ExpectedBatch(
                await ReadAsync(account, batch, batch.OutputFileId, cancellationToken), await ReadAsync(account, batch, batch.ErrorFileId, cancellationToken), batch.Usage);
            if (!batch.IsRetry()) Check(input, batch, expected);
            batches.Add(input.Name, expected);
        }
        var jobs = new Dictionary<OwnedId, string>();
        foreach ((OwnedId key, JobInput job) in ledger.Jobs)
        {
            string result = ResultText.OfJob((await account.Jobs.TryReadAsync(key, cancellationToken))!.Result!.Value);
            Assert.Contains(job.Kind == LineKind.Answered ? "\"status\":\"succeeded\"" : "\"status\":\"failed\"", result, StringComparison.Ordinal);
            jobs.Add(key, result);
        }
        return new Reference(batches, jobs);
    }

    private static void Check(BatchInput input, BatchRecord batch, ExpectedBatch expected)
    {
        Assert.Equal(BatchStatus.Completed, batch.Status);
        string[] answered = [.. input.Lines.Where(line => line.Kind == LineKind.Answered).Select(line => line.CustomId!)];
        Assert.Equal(answered, expected.Output.Select(line => CustomId(line)));
        Assert.Equal(input.Lines.Count - answered.Length, expected.Errors.Count);
        Assert.Equal(new BatchCounts(input.Lines.Count, expected.Output.Count, expected.Errors.Count), batch.Counts);
    }

    private static string? CustomId(string line) => JsonElement.Parse(line).GetProperty("custom_id").GetString();

    private static async Task<IReadOnlyList<string>> ReadAsync(Account account, BatchRecord batch, string? file, CancellationToken cancellationToken) =>
        [.. (await ResultText.ReadLinesAsync(account.Files, batch.Key.Owner, file, cancellationToken)).Select(ResultText.OfLine)];
}
