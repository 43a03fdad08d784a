using System.Globalization;

namespace Gemma2.Backend.Adapters;

/// <summary>What a LoRA adapter is that was added to a model's weights.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Scale">What its change of the weights is multiplied by, beside what its own files say.</param>
/// <param name="Alpha">Numerator of its own scale; single matrices may have another. Null where its file has none.</param>
/// <param name="Ranks">The ranks of its products, from the lowest.</param>
/// <param name="Targets">The tensors that it changes, as <see cref="Tensors.TensorNames"/> has them.</param>
public sealed record Adapter(string Name, double Scale, double? Alpha, IReadOnlyList<int> Ranks, IReadOnlyList<string> Targets)
{
    /// <summary>The same in a line.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Name} * {Scale}: {(Ranks.Count > 0 ? $"rank {string.Join(", ", Ranks)}" : "no rank")}, {(Alpha is { } alpha ? $"alpha {alpha}" : "no alpha")}, {Targets.Count} tensors ({string.Join(", ", Modules)})");

    /// <summary>The kinds of these.</summary>
    private IEnumerable<string> Modules => Targets.Select(target => target.Split('.')[^2]).Distinct();
}
