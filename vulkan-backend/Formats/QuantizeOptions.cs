using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats;

/// <summary>What becomes of a model's matrices.</summary>
/// <param name="Type">How they are stored.</param>
public sealed record QuantizeOptions(WeightType Type)
{
    /// <summary>Give all matrices the same type where their rows allow it.</summary>
    public bool Pure { get; init; }
}
