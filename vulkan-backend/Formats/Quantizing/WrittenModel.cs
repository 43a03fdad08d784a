using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Quantizing;

/// <summary>What a model's new file holds.</summary>
/// <param name="Types">Its types, the one with the most bytes first.</param>
/// <param name="Notes">What did not go as it was asked for.</param>
public sealed record WrittenModel(IReadOnlyList<TypeShare> Types, IReadOnlyList<string> Notes)
{
    /// <summary>Counts the types of tensors.</summary>
    internal static WrittenModel Of(IEnumerable<TensorEntry> tensors, IReadOnlyList<string> notes) => new(
        [.. tensors.GroupBy(tensor => tensor.Type)
            .Select(type => new TypeShare(type.Key, type.Count(), type.Sum(tensor => tensor.Length)))
            .OrderByDescending(share => share.Bytes)],
        notes);
}

/// <summary>The tensors of one type.</summary>
/// <param name="Type">The type.</param>
/// <param name="Tensors">How many.</param>
/// <param name="Bytes">What they take together.</param>
public sealed record TypeShare(TensorType Type, int Tensors, long Bytes);
