namespace Gemma2.Storage.Batches;

/// <summary>What a server's settings say about the batches that it works on.</summary>
/// <param name="Price">What tokens cost; null where nobody has said so. A batch keeps the price with which it began.</param>
/// <param name="CallbackUrl">Who is told of the end of a batch that names nobody itself; null tells nobody.</param>
public sealed record BatchTerms(BatchPrice? Price = null, Uri? CallbackUrl = null)
{
    /// <summary>The batch with what it does not say itself.</summary>
    internal BatchRecord AddTo(BatchRecord batch) => batch with { Price = batch.Price ?? Price, CallbackUrl = batch.CallbackUrl ?? CallbackUrl };
}
