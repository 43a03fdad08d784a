using Gemma2.Backend.Config;

namespace Gemma2.Backend.Tensors;

/// <summary>All tensors that a Gemma 2 of a given configuration has.</summary>
public static class TensorCatalog
{
    /// <summary>Every tensor's name and shape, outermost dimension first, in the order in which a token meets them; without <see cref="TensorNames.Head"/>, which few have.</summary>
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
    /// <param name="found">All tensors of a model.</param>
    /// <param name="config">The model's configuration.</param>
    /// <param name="model">The model's name, for messages.</param>
    /// <param name="configSource">What the configuration was read from, for messages.</param>
    /// <param name="nameInFile">What a weight file calls the tensor of a name; null: the same.</param>
    /// <exception cref="ModelException">Names the file and the tensor that is missing, not known or of another shape or type.</exception>
    internal static void Check(
        IReadOnlyList<TensorEntry> found, Gemma2Config config, string model, string configSource = "config.json", Func<string, string>? nameInFile = null)
    {
        string Name(string name) => ModelJson.Show(nameInFile?.Invoke(name) ?? name);
        ModelException Error(TensorEntry tensor, string message) => new($"{model}/{tensor.File}: {Name(tensor.Name)} {message}");

        Dictionary<string, TensorEntry> tensors = new(StringComparer.Ordinal);
        foreach (TensorEntry tensor in found)
            if (!tensors.TryAdd(tensor.Name, tensor)) throw Error(tensor, $"is there twice, also in {tensors[tensor.Name].File}.");

        Dictionary<string, long[]> shapes = new(Shapes(config), StringComparer.Ordinal);
        foreach (string name in shapes.Keys.Where(name => !tensors.ContainsKey(name)).Take(1))
            throw new ModelException($"{model}: no weight file holds {Name(name)}{Explanation(tensors.Keys)}");

        shapes.Add(TensorNames.Head, shapes[TensorNames.Embedding]);
        foreach (TensorEntry tensor in found)
        {
            if (!shapes.TryGetValue(tensor.Name, out long[]? shape))
                throw Error(tensor, $"is no tensor of a Gemma 2 of {config.LayerCount} layers{Explanation(tensors.Keys)}");
            if (!tensor.Shape.SequenceEqual(shape))
                throw Error(tensor, $"is [{string.Join(", ", tensor.Shape)}]; by {configSource} it must be [{string.Join(", ", shape)}].");
            if (shape.Length == 1 && tensor.Type.IsQuantized()) throw Error(tensor, $"is {tensor.Type}; allowed for norms are F32, F16 and BF16.");
        }
    }

    private static string Explanation(IEnumerable<string> names) => ForeignTensors.Explain(names) is { } what ? $": the model {what}" : ".";
}
