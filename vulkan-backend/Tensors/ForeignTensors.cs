namespace Gemma2.Backend.Tensors;

/// <summary>What kind of model tensors belong to that no Gemma 2 has, and what to do with it.</summary>
internal static class ForeignTensors
{
    private const string Original = "take the model that it was made of, in BF16 or F16, and quantize that (gemma2 quantize, or while loading), or a GGUF file of it";

    private static readonly (string Part, string What)[] _kinds =
    [
        (".g_idx", Quantized("GPTQ")), (".qzeros", Quantized("GPTQ or AWQ")), (".qweight", Quantized("GPTQ or AWQ")),
        (".quant_state.bitsandbytes", Quantized("bitsandbytes")), (".absmax", Quantized("bitsandbytes")), (".quant_map", Quantized("bitsandbytes")), (".SCB", Quantized("bitsandbytes")),
        (".weight_packed", Quantized("compressed-tensors")), (".weight_shape", Quantized("compressed-tensors")),
        (".weight_scale", Quantized("an 8-bit format")), (".input_scale", Quantized("an 8-bit format")), (".W_q", Quantized("HQQ")), (".biases", Quantized("MLX")),
        (".lora_A", Adapter), (".lora_B", Adapter), (".lora_embedding_", Adapter), (".base_layer.", Adapter), ("lora_magnitude_vector", Adapter), (".modules_to_save.", Adapter),
        ("vision_tower.", Images), ("vision_model.", Images), ("multi_modal_projector.", Images), ("mm.", Images), ("v.blk.", Images),
        ("score.", Head), ("classifier.", Head), ("v_head.", Head), ("value_head.", Head), ("reward_head.", Head), ("cls.output.", Head),
    ];

    private const string Adapter = "holds an adapter that was not merged into the weights: save it after merge_and_unload(), or take the base model with --lora.";
    private const string Images = "sees images, as PaliGemma 2 does: this engine takes models of text.";
    private const string Head = "classifies or ranks texts and writes none: this engine takes models that generate text.";

    /// <summary>What is to be said of a model that holds such tensors.</summary>
    /// <param name="names">The names of its tensors.</param>
    /// <returns>A sentence without its subject, the model; null where none is known.</returns>
    public static string? Explain(IEnumerable<string> names)
    {
        string[] all = [.. names];
        foreach ((string part, string what) in _kinds)
            if (Array.Exists(all, name => Has(name, part))) return what;
        return null;
    }

    /// <summary>What is to be said of a model that is quantized in a way that is not read.</summary>
    public static string Quantized(string format) => $"is quantized by {format}, which is not read: {Original}.";

    /// <summary>Those that begin with a point end a name or lie in it, the others begin it.</summary>
    private static bool Has(string name, string part) => part[0] == '.' ? name.Contains(part, StringComparison.Ordinal) : name.StartsWith(part, StringComparison.Ordinal) || name.Contains('.' + part, StringComparison.Ordinal);
}
