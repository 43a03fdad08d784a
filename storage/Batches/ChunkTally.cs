using System.Globalization;

namespace Gemma2.Storage.Batches;

/// <summary>How many lines have results, and the tokens that they took; kept as metadata of chunks and of their results.</summary>
/// <param name="Completed">Lines with an answer.</param>
/// <param name="Failed">Lines with an error.</param>
/// <param name="InputTokens">Tokens of prompts.</param>
/// <param name="OutputTokens">New tokens.</param>
internal readonly record struct ChunkTally(long Completed, long Failed, long InputTokens, long OutputTokens)
{
    public ChunkTally Plus(ChunkTally other) => new(
        Completed + other.Completed, Failed + other.Failed, InputTokens + other.InputTokens, OutputTokens + other.OutputTokens);

    public static ChunkTally Of(IEnumerable<ChunkLine> lines) => lines.Aggregate(
        default(ChunkTally), (sum, line) => sum.Plus(new ChunkTally(line.Ok ? 1 : 0, line.Ok ? 0 : 1, line.InputTokens, line.OutputTokens)));

    public static ChunkTally Read(IDictionary<string, string> metadata) => new(
        BlobNumbers.Read(metadata, "completed"), BlobNumbers.Read(metadata, "failed"),
        BlobNumbers.Read(metadata, "inputtokens"), BlobNumbers.Read(metadata, "outputtokens"));

    public void WriteTo(IDictionary<string, string> metadata)
    {
        BlobNumbers.Write(metadata, "completed", Completed);
        BlobNumbers.Write(metadata, "failed", Failed);
        BlobNumbers.Write(metadata, "inputtokens", InputTokens);
        BlobNumbers.Write(metadata, "outputtokens", OutputTokens);
    }

    /// <summary>The record with these as its counts and tokens.</summary>
    public BatchRecord AddTo(BatchRecord record) => record with
    {
        Counts = record.Counts with { Completed = Completed, Failed = Failed },
        Usage = new BatchUsage(InputTokens, OutputTokens),
    };
}

/// <summary>Numbers in a blob's metadata; what is missing or no number counts as 0.</summary>
internal static class BlobNumbers
{
    public static long Read(IDictionary<string, string> metadata, string key) =>
        metadata.TryGetValue(key, out string? value) && long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : 0;

    public static void Write(IDictionary<string, string> metadata, string key, long number) => metadata[key] = number.ToString(CultureInfo.InvariantCulture);
}
