using Gemma2.Backend.Config;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Adapters;

/// <summary>The two tensors of an adapter that belong to one matrix of the model.</summary>
/// <param name="Left">B, [rows, rank].</param>
/// <param name="Right">A, [rank, columns].</param>
internal sealed record AdapterPair(AdapterPart Left, AdapterPart Right)
{
    /// <summary>The highest rank that is read: above it an adapter is larger than what it changes.</summary>
    private const int HighestRank = 1 << 14;

    /// <summary>Rows of A, and columns of B.</summary>
    public int Rank => (int)Right.Tensor.Shape[0];

    /// <summary>Finds the pairs, in the model's order.</summary>
    /// <exception cref="ModelException">A tensor does not fit the model or its counterpart, or has none; the message names it and both shapes.</exception>
    public static AdapterPair[] Of(AdapterFile file, IReadOnlyList<AdapterPart> parts, Gemma2Config config)
    {
        Dictionary<string, long[]> shapes = new(TensorCatalog.Shapes(config), StringComparer.Ordinal);
        Dictionary<(string Target, bool IsRight), AdapterPart> found = [];
        foreach (AdapterPart part in parts)
        {
            if (!shapes.TryGetValue(part.Target, out long[]? shape)) throw file.Error(part.Tensor, $"is for {ModelJson.Show(part.Target)}, which no Gemma 2 of {config.LayerCount} layers has.");
            if (shape.Length != 2) throw file.Error(part.Tensor, $"is for {part.Target}, which is no matrix.");
            if (part.Target == TensorNames.Embedding) throw file.Error(part.Tensor, $"is for {part.Target}; adapters of the embedding are not supported.");
            if (part.Tensor.Shape.Count != 2) throw file.Error(part.Tensor, $"is [{string.Join(", ", part.Tensor.Shape)}]; it must be a matrix.");
            if (!found.TryAdd((part.Target, part.IsRight), part)) throw file.Error(part.Tensor, $"is the second tensor of its kind for {part.Target}.");
        }
        if (found.Count == 0) throw new ModelException($"{file.Label}: holds nothing that could be added to a model.");
        foreach (AdapterPart part in found.Values.Where(part => !found.ContainsKey((part.Target, !part.IsRight))).Take(1))
            throw file.Error(part.Tensor, $"has no counterpart: LoRA adds the product of A and B to {part.Target}, of which {(part.IsRight ? "B" : "A")} is missing.");
        return [.. shapes.Where(shape => found.ContainsKey((shape.Key, true))).Select(shape => Checked(file, new AdapterPair(found[(shape.Key, false)], found[(shape.Key, true)]), shape.Value))];
    }

    private static AdapterPair Checked(AdapterFile file, AdapterPair pair, long[] shape)
    {
        (IReadOnlyList<long> a, IReadOnlyList<long> b) = (pair.Right.Tensor.Shape, pair.Left.Tensor.Shape);
        string target = $"{pair.Right.Target}, which is [{string.Join(", ", shape)}] in this model";
        if (a[0] is < 1 or > HighestRank) throw file.Error(pair.Right.Tensor, $"has the rank {a[0]}; allowed is 1 to {HighestRank}.");
        if (a[1] != shape[1]) throw file.Error(pair.Right.Tensor, $"is [{string.Join(", ", a)}]; for {target}, it must be [{a[0]}, {shape[1]}].");
        if (b[0] != shape[0] || b[1] != a[0]) throw file.Error(pair.Left.Tensor, $"is [{string.Join(", ", b)}]; for {target}, and rank {a[0]}, it must be [{shape[0]}, {a[0]}].");
        return pair;
    }
}
