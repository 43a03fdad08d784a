using Gemma2.Backend.Model;

namespace Gemma2.Backend.Weights;

/// <summary>All tensors that a Gemma 2 of a given configuration has.</summary>
public static class TensorCatalog
{
    /// <summary>Every tensor's name and shape, outermost dimension first, in the order in which a token meets them.</summary>
    public static IEnumerable<KeyValuePair<string, long[]>> Shapes(Gemma2Config config)
    {
        long hidden = config.HiddenSize, intermediate = config.IntermediateSize;
        long queries = (long)config.HeadCount * config.HeadDimension, keys = (long)config.KeyValueHeadCount * config.HeadDimension;

        yield return new(TensorNames.Embedding, [config.VocabularySize, hidden]);
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            yield return new(TensorNames.InputNorm(layer), [hidden]);
            yield return new(TensorNames.Query(layer), [queries, hidden]);
            yield return new(TensorNames.Key(layer), [keys, hidden]);
            yield return new(TensorNames.Value(layer), [keys, hidden]);
            yield return new(TensorNames.AttentionOutput(layer), [hidden, queries]);
            yield return new(TensorNames.PostAttentionNorm(layer), [hidden]);
            yield return new(TensorNames.PreFeedForwardNorm(layer), [hidden]);
            yield return new(TensorNames.Gate(layer), [intermediate, hidden]);
            yield return new(TensorNames.Up(layer), [intermediate, hidden]);
            yield return new(TensorNames.Down(layer), [hidden, intermediate]);
            yield return new(TensorNames.PostFeedForwardNorm(layer), [hidden]);
        }

        yield return new(TensorNames.FinalNorm, [hidden]);
    }

    /// <summary>Checks that the tensors found are those of the configuration, no more and no less, in shapes and types that the engine computes with.</summary>
    /// <param name="found">All tensors of a model, their names distinct.</param>
    /// <param name="config">The model's configuration.</param>
    /// <param name="model">The model's name, for messages.</param>
    /// <exception cref="ModelException">Names the file and the tensor that is missing, not known or of another shape or type.</exception>
    public static void Check(IReadOnlyList<TensorEntry> found, Gemma2Config config, string model)
    {
        Dictionary<string, TensorEntry> tensors = found.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        HashSet<string> known = new(StringComparer.Ordinal);
        foreach ((string name, long[] shape) in Shapes(config))
        {
            if (!tensors.TryGetValue(name, out TensorEntry? tensor))
                throw new ModelException($"{model}: no weight file holds {name}.");
            CheckShape(tensor, shape, model);
            known.Add(name);
        }

        foreach (TensorEntry tensor in found.Where(tensor => !known.Contains(tensor.Name)))
        {
            if (tensor.Name != TensorNames.TiedHead)
                throw new ModelException($"{model}/{tensor.File}: {ModelJson.Show(tensor.Name)} is no tensor of a Gemma 2 of {config.LayerCount} layers.");
            CheckShape(tensor, [config.VocabularySize, config.HiddenSize], model);
        }

        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            CheckSameType(model, tensors[TensorNames.Gate(layer)], tensors[TensorNames.Up(layer)]);
        }
    }

    private static void CheckShape(TensorEntry tensor, long[] shape, string model)
    {
        if (!tensor.Shape.SequenceEqual(shape))
            throw new ModelException($"{model}/{tensor.File}: {tensor.Name} is [{string.Join(", ", tensor.Shape)}]; by config.json it must be [{string.Join(", ", shape)}].");
    }

    /// <summary>These two matrices are multiplied by one kernel.</summary>
    private static void CheckSameType(string model, TensorEntry first, TensorEntry other)
    {
        if (other.Type != first.Type)
            throw new ModelException($"{model}/{other.File}: {other.Name} is {other.Type}, but {first.Name} is {first.Type}; they must be of one type.");
    }
}
