namespace Gemma2.Backend.Adapters;

/// <summary>A LoRA adapter whose files were read and fit the model: what it adds to matrices.</summary>
public sealed class Adapter
{
    internal Adapter(string name, double scale, double? alpha, IReadOnlyList<LowRankUpdate> updates) => (Name, Scale, Alpha, Updates) = (name, scale, alpha, updates);

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>What its change of the weights is multiplied by, beside what its own files say.</summary>
    public double Scale { get; }

    /// <summary>Numerator of its own scale; single matrices may have another. Null where its file has none.</summary>
    public double? Alpha { get; }

    /// <summary>The ranks that its matrices have, from the lowest.</summary>
    public IReadOnlyList<int> Ranks => [.. Updates.Select(update => update.Rank).Distinct().Order()];

    /// <summary>The matrices that it changes, as <see cref="Tensors.TensorNames"/> has them.</summary>
    public IReadOnlyList<string> Targets => [.. Updates.Select(update => update.Target)];

    /// <summary>What it adds.</summary>
    internal IReadOnlyList<LowRankUpdate> Updates { get; }
}
