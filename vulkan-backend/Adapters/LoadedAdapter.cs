namespace Gemma2.Backend.Adapters;

/// <summary>A LoRA adapter whose files were read and fit the model.</summary>
/// <param name="Description">What it is.</param>
/// <param name="Updates">What it adds to matrices.</param>
internal sealed record LoadedAdapter(Adapter Description, IReadOnlyList<AdapterUpdate> Updates)
{
    /// <param name="name">Its name.</param>
    /// <param name="scale">What its change of the weights is multiplied by, beside what its own files say.</param>
    /// <param name="alpha">Numerator of its own scale; null where its file has none.</param>
    /// <param name="updates">What it adds.</param>
    public LoadedAdapter(string name, double scale, double? alpha, IReadOnlyList<AdapterUpdate> updates)
        : this(new Adapter(name, scale, alpha, [.. updates.OfType<LowRankUpdate>().Select(update => update.Rank).Distinct().Order()], [.. updates.Select(update => update.Target).Distinct()]), updates)
    {
    }
}
