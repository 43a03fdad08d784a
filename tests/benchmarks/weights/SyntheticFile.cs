using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Synthesis;
using Gemma2.Backend.Tensors;

namespace Gemma2.Benchmarks.Weights;

/// <summary>A model file of random weights, made once and kept.</summary>
internal static class SyntheticFile
{
    /// <summary>The file of a published model's shape, with fewer layers.</summary>
    public static string Make(string folder, string shape, int layers, WeightType type)
    {
        string path = Path.Combine(folder, $"gemma2-{shape}-{layers}-layers-{type}.gguf");
        if (File.Exists(path)) return path;
        Directory.CreateDirectory(folder);
        Gemma2Config config = Gemma2Shapes.Published[shape];
        using (FileStream file = File.Create($"{path}.part"))
            ModelSynthesizer.Write(shape, config with { Layers = [.. config.Layers.Take(layers)] }, type, seed: 1, file);
        File.Move($"{path}.part", path);
        return path;
    }
}
