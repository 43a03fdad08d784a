using Gemma2.Backend.Config;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Adapters;

/// <summary>The tensors of an adapter that belong to one tensor of the model: A and B, or all of it as it was trained, or both.</summary>
/// <param name="Name">The model's tensor, as <see cref="TensorNames"/> has it.</param>
/// <param name="Left">B, [rows, rank]; null where there is no product.</param>
/// <param name="Right">A, [rank, columns]; null where there is no product.</param>
/// <param name="Whole">All of it; null where there is none.</param>
internal sealed record AdapterTarget(string Name, AdapterPart? Left, AdapterPart? Right, AdapterPart? Whole)
{
    /// <summary>The highest rank that is read: above it an adapter is larger than what it changes.</summary>
    private const int HighestRank = 1 << 14;

    /// <summary>Finds the targets, in the model's order.</summary>
    /// <exception cref="ModelException">A tensor does not fit the model or its counterpart, or has none; the message names it and both shapes.</exception>
    public static AdapterTarget[] Of(AdapterFile file, IReadOnlyList<AdapterPart> parts, Gemma2Config config)
    {
        Dictionary<string, long[]> shapes = new(TensorCatalog.Shapes(config), StringComparer.Ordinal);
        shapes.Add(TensorNames.Head, shapes[TensorNames.Embedding]);
        Dictionary<(string Target, AdapterSide Side), AdapterPart> found = [];
        foreach (AdapterPart part in parts)
        {
            if (!shapes.TryGetValue(part.Target, out long[]? shape)) throw file.Error(part.Tensor, $"is for {ModelJson.Show(part.Target)}, which no Gemma 2 of {config.LayerCount} layers has.");
            if (part.Side != AdapterSide.Whole && shape.Length != 2) throw file.Error(part.Tensor, $"is for {part.Target}, which is no matrix.");
            if (part.Tensor.Shape.Count != shape.Length) throw file.Error(part.Tensor, $"is [{string.Join(", ", part.Tensor.Shape)}]; it must have {shape.Length} dimensions.");
            if (!found.TryAdd((part.Target, part.Side), part)) throw file.Error(part.Tensor, $"is the second tensor of its kind for {part.Target}.");
        }
        if (found.Count == 0) throw new ModelException($"{file.Label}: holds nothing that could be added to a model.");
        AdapterPart? Find(string target, AdapterSide side) => found.GetValueOrDefault((target, side));

        return [.. shapes.Where(shape => found.Keys.Any(key => key.Target == shape.Key))
            .Select(shape => new AdapterTarget(shape.Key, Find(shape.Key, AdapterSide.Left), Find(shape.Key, AdapterSide.Right), Find(shape.Key, AdapterSide.Whole)).Checked(file, shape.Value))];
    }

    private AdapterTarget Checked(AdapterFile file, long[] shape)
    {
        string where = $"for {Name}, which is [{string.Join(", ", shape)}] in this model";
        if (Whole is not null && !Whole.Shape.SequenceEqual(shape))
            throw Mismatch(file, Whole, where, shape, Whole.Shape[0] > shape[0] ? " An adapter that was trained with added tokens needs the model with these tokens." : "");
        if (Left is null && Right is null) return this;
        if (Left is null) throw Alone(file, Right!, "B");
        if (Right is null) throw Alone(file, Left, "A");
        long rank = Right.Shape[0];
        if (rank is < 1 or > HighestRank) throw file.Error(Right.Tensor, $"has the rank {rank}; allowed is 1 to {HighestRank}.");
        if (Right.Shape[1] != shape[1]) throw Mismatch(file, Right, where, [rank, shape[1]]);
        return Left.Shape[0] == shape[0] && Left.Shape[1] == rank ? this : throw Mismatch(file, Left, $"{where}, and rank {rank}", [shape[0], rank]);
    }

    private static ModelException Mismatch(AdapterFile file, AdapterPart part, string where, IReadOnlyList<long> wanted, string hint = "") =>
        file.Error(part.Tensor, $"is [{string.Join(", ", part.Tensor.Shape)}]; {where}, it must be [{string.Join(", ", part.InFile(wanted))}].{hint}");

    private static ModelException Alone(AdapterFile file, AdapterPart part, string other) =>
        file.Error(part.Tensor, $"has no counterpart: LoRA adds the product of A and B to {part.Target}, of which {other} is missing.");
}
