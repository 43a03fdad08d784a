using System.Text.Json;

namespace Gemma2.Storage.Batches;

/// <summary>How a batch's input is split: the blob <c>KEY/plan.json</c>, written once.</summary>
/// <param name="Lines">Lines of the input that are not blank.</param>
/// <param name="Chunks">The pieces, in the input's order. None where it has no lines, or cannot be read.</param>
/// <param name="Errors">What is wrong with the first bad lines.</param>
/// <param name="Tokens">How many tokens all lines will take, about.</param>
/// <param name="HasNoRequest">Whether every line is bad: then the chunks only give each line its error, and the batch fails.</param>
public sealed record BatchPlan(long Lines, IReadOnlyList<BatchChunk> Chunks, IReadOnlyList<BatchError> Errors, long Tokens = 0, bool HasNoRequest = false)
{
    /// <summary>A plan is at most this long: far more than that of the longest input.</summary>
    internal const int MaxBytes = 64 << 20;

    internal byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, BatchPlanJson.Default.BatchPlan);

    internal static BatchPlan Parse(ReadOnlySpan<byte> json, string blob)
    {
        try
        {
            return JsonSerializer.Deserialize(json, BatchPlanJson.Default.BatchPlan) ?? throw new JsonException();
        }
        catch (JsonException e)
        {
            throw new StorageException($"The blob {blob} is not a batch's plan.", inner: e);
        }
    }
}
