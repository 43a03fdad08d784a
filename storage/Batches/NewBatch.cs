using Gemma2.Backend;

namespace Gemma2.Storage.Batches;

/// <summary>What a new batch is made from.</summary>
/// <param name="Owner">Whose it will be.</param>
/// <param name="Endpoint">What every line calls: one of <see cref="BatchStore.Endpoints"/>.</param>
/// <param name="InputFileId">A file of the same owner, with purpose <c>batch</c>.</param>
/// <param name="CompletionWindow">How long it may take: <c>24h</c>, or another number of hours (1 to 168).</param>
/// <param name="Metadata">Up to 16 notes: keys of up to 64 characters, values of up to 512.</param>
public sealed record NewBatch(
    string? Owner, string Endpoint, string InputFileId, string CompletionWindow = "24h", IReadOnlyDictionary<string, string>? Metadata = null)
{
    /// <summary>Throws unless all but the file, which may not be there yet, is allowed.</summary>
    /// <exception cref="InvalidRequestException">Names what is wrong and says what is allowed.</exception>
    public void Validate() => NewBatchRules.Check(this);
}
