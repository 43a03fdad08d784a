using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Gemma2.Storage.Jobs;

namespace Gemma2.Storage.Batches;

/// <summary>A piece of a batch's input that one worker runs.</summary>
/// <param name="Index">Which piece, from 0.</param>
/// <param name="Offset">Where it begins in the input, in bytes.</param>
/// <param name="Length">How long it is, in bytes; it ends with a line.</param>
/// <param name="FirstLine">The number of its first line, from 1, blank lines counted.</param>
/// <param name="Lines">How many of its lines are not blank.</param>
/// <param name="Duplicates">The numbers of lines whose custom_id an earlier line has.</param>
public sealed record BatchChunk(int Index, long Offset, long Length, int FirstLine, int Lines, IReadOnlyList<int> Duplicates);

/// <summary>
/// A message of the queue <c>batch-requests</c>: <c>{"batch","owner"?,"chunk"?:{"index","offset","length","first_line","lines","duplicates"},"retries"?}</c>.
/// Without a chunk it asks to split the batch's input.
/// </summary>
/// <param name="Batch">Whose and which batch.</param>
/// <param name="Chunk">What to run; null asks for the split.</param>
/// <param name="Retries">How often a new message has taken its place because of failures that were not its own.</param>
public sealed record BatchMessage(OwnedId Batch, BatchChunk? Chunk = null, int Retries = 0)
{
    private const int MaxRetries = 1_000_000;

    /// <summary>Reads a message's text.</summary>
    /// <exception cref="JobMessageException">It is no batch's message; says what is wrong.</exception>
    public static BatchMessage Parse(string text)
    {
        try
        {
            return Checked(JsonSerializer.Deserialize(text, BatchMessageJson.Default.Wire));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or EncoderFallbackException or ArgumentException)
        {
            string why = QueueText.WhyNotJson(text) is { } reason ? $": {reason}" : "";
            throw new JobMessageException($"The batch message is not a JSON object with 'batch' and, where it has them, 'owner', 'chunk' and 'retries'{why}.", e);
        }
    }

    /// <summary>The message as the queue holds it.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(new Wire(Batch.Id, Batch.Owner, WireChunk.Of(Chunk), Retries), BatchMessageJson.Default.Wire);

    private static BatchMessage Checked(Wire? wire)
    {
        if (wire is null) throw new JobMessageException("The batch message is null.");
        string path = wire.Owner is null ? wire.Batch : $"{wire.Owner}/{wire.Batch}";
        if (BatchBlobs.TryParseKey(path) is not { } key || key.Owner != wire.Owner) throw new JobMessageException("The batch message names no batch.");
        if (wire.Retries is < 0 or > MaxRetries) throw new JobMessageException($"Batch {key}: 'retries' is {wire.Retries}; allowed are 0 to {MaxRetries}.");
        return new BatchMessage(key, wire.Chunk?.Checked(key), wire.Retries);
    }

    internal sealed record Wire(string Batch, string? Owner = null, WireChunk? Chunk = null, int Retries = 0);

    internal sealed record WireChunk(
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] int Index,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] long Offset,
        long Length,
        int FirstLine,
        int Lines,
        int[]? Duplicates = null)
    {
        public static WireChunk? Of(BatchChunk? chunk) => chunk is null
            ? null
            : new WireChunk(chunk.Index, chunk.Offset, chunk.Length, chunk.FirstLine, chunk.Lines, chunk.Duplicates.Count > 0 ? [.. chunk.Duplicates] : null);

        public BatchChunk Checked(OwnedId key) => this is { Index: >= 0, Offset: >= 0, Length: > 0, FirstLine: > 0, Lines: > 0 }
            ? new BatchChunk(Index, Offset, Length, FirstLine, Lines, Duplicates ?? [])
            : throw new JobMessageException($"Batch {key}: a number of its chunk is out of range.");
    }
}
