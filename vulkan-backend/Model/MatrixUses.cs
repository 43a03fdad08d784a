using Gemma2.Backend.Config;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Model;

/// <summary>How a model multiplies its matrices.</summary>
internal static class MatrixUses
{
    /// <summary>All ways, each once.</summary>
    /// <param name="config">The model.</param>
    /// <param name="tensors">Its tensors as they come to lie in device memory.</param>
    public static IReadOnlyList<MatrixUse> Of(Gemma2Config config, IReadOnlyList<TensorEntry> tensors)
    {
        Dictionary<string, TensorEntry> byName = tensors.ToDictionary(tensor => tensor.Name);
        MatrixUse Use(string name, bool isGated = false, bool takesPrompts = true) =>
            new(byName[name].Type, (int)byName[name].Shape[1], isGated, takesPrompts);

        IEnumerable<MatrixUse> layers = Enumerable.Range(0, config.LayerCount).SelectMany(layer => new[]
        {
            Use(TensorNames.Query(layer)),
            Use(TensorNames.Key(layer)),
            Use(TensorNames.Value(layer)),
            Use(TensorNames.AttentionOutput(layer)),
            Use(TensorNames.Gate(layer), isGated: !AreApart(byName, layer)),
            Use(TensorNames.Up(layer), isGated: !AreApart(byName, layer)),
            Use(TensorNames.Down(layer)),
        });
        return [.. layers.Append(Use(byName.ContainsKey(TensorNames.Head) ? TensorNames.Head : TensorNames.Embedding, takesPrompts: false)).Distinct()];
    }

    /// <summary>Whether gate and up matrices of some layers are of two types, so that they are multiplied apart.</summary>
    /// <param name="config">The model.</param>
    /// <param name="tensors">Its tensors as they come to lie in device memory.</param>
    public static bool MultipliesGatesApart(Gemma2Config config, IReadOnlyList<TensorEntry> tensors)
    {
        Dictionary<string, TensorEntry> byName = tensors.ToDictionary(tensor => tensor.Name);
        return Enumerable.Range(0, config.LayerCount).Any(layer => AreApart(byName, layer));
    }

    private static bool AreApart(Dictionary<string, TensorEntry> tensors, int layer) => tensors[TensorNames.Gate(layer)].Type != tensors[TensorNames.Up(layer)].Type;
}
