using Gemma2.Backend.Adapters;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Quantizing;

/// <summary>What becomes of a model's matrices.</summary>
/// <param name="Type">How they are stored.</param>
public sealed record QuantizeOptions(WeightType Type)
{
    /// <summary>Give all matrices the same type where their rows allow it.</summary>
    public bool Pure { get; init; }

    /// <summary>Types of some matrices; the first that means a matrix counts.</summary>
    public IReadOnlyList<TensorTypeOverride> Overrides { get; init; } = [];

    /// <summary>What is known about the inputs of the matrices.</summary>
    public ImportanceMatrix? Importance { get; init; }

    /// <summary>What is added to the weights before they are quantized.</summary>
    public IReadOnlyList<AdapterSource> Adapters { get; init; } = [];

    /// <summary>Quantize again what is quantized already, though twice loses more.</summary>
    public bool AllowRequantize { get; init; }
}
