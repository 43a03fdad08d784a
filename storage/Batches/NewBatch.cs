using Gemma2.Backend;

namespace Gemma2.Storage.Batches;

/// <summary>What a new batch is made from.</summary>
/// <param name="Owner">Whose it will be.</param>
/// <param name="Endpoint">What every line calls: see <see cref="BatchEndpoint"/>.</param>
/// <param name="InputFileId">A file of the same owner, with purpose <c>batch</c>.</param>
/// <param name="CompletionWindow">How long it may take: <c>1h</c> to <c>168h</c>, or <c>1d</c> to <c>7d</c>.</param>
/// <param name="Metadata">Up to 16 notes: keys of up to 64 characters, values of up to 512.</param>
/// <param name="OutputLifetime">How long its files are kept from when they are made, see <see cref="Files.FileLifetime"/>; null keeps them.</param>
/// <param name="CallbackUrl">Who is told of its end, over https; null tells nobody, or whom the server's settings name.</param>
public sealed record NewBatch(
    string? Owner, string Endpoint, string InputFileId, string CompletionWindow = "24h", IReadOnlyDictionary<string, string>? Metadata = null,
    TimeSpan? OutputLifetime = null, Uri? CallbackUrl = null)
{
    /// <summary>How long it may take, as a time.</summary>
    /// <exception cref="InvalidRequestException">The window is not allowed.</exception>
    public TimeSpan Window => NewBatchRules.Window(CompletionWindow);

    /// <summary>Throws unless all but the file, which may not be there yet, is allowed.</summary>
    /// <exception cref="InvalidRequestException">Names what is wrong and says what is allowed.</exception>
    public void Validate() => NewBatchRules.Check(this);
}
