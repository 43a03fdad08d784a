using System.Collections.Frozen;
using System.Globalization;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>
/// Names of a Gemma 2 model's tensors in a GGUF file, beside those of <see cref="TensorNames"/>.
/// Source: https://github.com/ggml-org/llama.cpp, gguf-py/gguf/constants.py, MODEL_ARCH.GEMMA2.
/// </summary>
internal static class GgufNames
{
    private const string LayerPrefix = "blk.";
    private const string HuggingFaceLayerPrefix = "model.layers.";

    private static readonly FrozenDictionary<string, string> Whole = new Dictionary<string, string>
    {
        ["token_embd.weight"] = TensorNames.Embedding,
        ["output_norm.weight"] = TensorNames.FinalNorm,
        ["output.weight"] = TensorNames.Head,
    }.ToFrozenDictionary();

    /// <summary>What follows the layer's number.</summary>
    private static readonly FrozenDictionary<string, string> Parts = new Dictionary<string, string>
    {
        [".attn_norm.weight"] = PartOf(TensorNames.InputNorm(0)),
        [".attn_q.weight"] = PartOf(TensorNames.Query(0)),
        [".attn_k.weight"] = PartOf(TensorNames.Key(0)),
        [".attn_v.weight"] = PartOf(TensorNames.Value(0)),
        [".attn_output.weight"] = PartOf(TensorNames.AttentionOutput(0)),
        [".post_attention_norm.weight"] = PartOf(TensorNames.PostAttentionNorm(0)),
        [".ffn_norm.weight"] = PartOf(TensorNames.PreFeedForwardNorm(0)),
        [".ffn_gate.weight"] = PartOf(TensorNames.Gate(0)),
        [".ffn_up.weight"] = PartOf(TensorNames.Up(0)),
        [".ffn_down.weight"] = PartOf(TensorNames.Down(0)),
        [".post_ffw_norm.weight"] = PartOf(TensorNames.PostFeedForwardNorm(0)),
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, string> WholeBack = Whole.ToFrozenDictionary(name => name.Value, name => name.Key);
    private static readonly FrozenDictionary<string, string> PartsBack = Parts.ToFrozenDictionary(part => part.Value, part => part.Key);

    /// <summary>The name that <see cref="TensorNames"/> has for a GGUF file's name; a name that no Gemma 2 has stays as it is.</summary>
    public static string ToHuggingFace(string name) => Translate(name, Whole, LayerPrefix, Parts, HuggingFaceLayerPrefix);

    /// <summary>The name in a GGUF file for one of <see cref="TensorNames"/>; another name stays as it is.</summary>
    public static string FromHuggingFace(string name) => Translate(name, WholeBack, HuggingFaceLayerPrefix, PartsBack, LayerPrefix);

    private static string Translate(
        string name, FrozenDictionary<string, string> whole, string prefix, FrozenDictionary<string, string> parts, string newPrefix)
    {
        if (whole.TryGetValue(name, out string? translated)) return translated;
        if (!name.StartsWith(prefix, StringComparison.Ordinal)) return name;
        int end = name.IndexOf('.', prefix.Length);
        return end > 0
            && int.TryParse(name.AsSpan(prefix.Length..end), NumberStyles.None, CultureInfo.InvariantCulture, out int layer)
            && parts.TryGetValue(name[end..], out string? part)
            && name.AsSpan(prefix.Length..end).SequenceEqual(layer.ToString(CultureInfo.InvariantCulture))
            ? $"{newPrefix}{layer}{part}"
            : name;
    }

    private static string PartOf(string firstLayersName) => firstLayersName[$"{HuggingFaceLayerPrefix}0".Length..];
}
