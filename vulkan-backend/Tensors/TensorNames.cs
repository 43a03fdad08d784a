using System.Globalization;

namespace Gemma2.Backend.Tensors;

/// <summary>Names of a Gemma 2 model's tensors in Hugging Face's format, each with its shape. Every matrix is [outputs, inputs].</summary>
public static class TensorNames
{
    /// <summary>[vocabulary, hidden]; also the output matrix where there is no <see cref="Head"/>.</summary>
    public const string Embedding = "model.embed_tokens.weight";

    /// <summary>[hidden]: norm before the output matrix.</summary>
    public const string FinalNorm = "model.norm.weight";

    /// <summary>[vocabulary, hidden]: the output matrix of a model that has its own. Gemma 2 as it was published has none.</summary>
    public const string Head = "lm_head.weight";

    /// <summary>[hidden]: norm before attention.</summary>
    public static string InputNorm(int layer) => Layer(layer, "input_layernorm");

    /// <summary>[heads * head, hidden].</summary>
    public static string Query(int layer) => Layer(layer, "self_attn.q_proj");

    /// <summary>[key/value heads * head, hidden].</summary>
    public static string Key(int layer) => Layer(layer, "self_attn.k_proj");

    /// <summary>[key/value heads * head, hidden].</summary>
    public static string Value(int layer) => Layer(layer, "self_attn.v_proj");

    /// <summary>[hidden, heads * head].</summary>
    public static string AttentionOutput(int layer) => Layer(layer, "self_attn.o_proj");

    /// <summary>[hidden]: norm of attention's output, before it is added to the residual stream.</summary>
    public static string PostAttentionNorm(int layer) => Layer(layer, "post_attention_layernorm");

    /// <summary>[hidden]: norm before the feed-forward block.</summary>
    public static string PreFeedForwardNorm(int layer) => Layer(layer, "pre_feedforward_layernorm");

    /// <summary>[intermediate, hidden].</summary>
    public static string Gate(int layer) => Layer(layer, "mlp.gate_proj");

    /// <summary>[intermediate, hidden].</summary>
    public static string Up(int layer) => Layer(layer, "mlp.up_proj");

    /// <summary>[hidden, intermediate].</summary>
    public static string Down(int layer) => Layer(layer, "mlp.down_proj");

    /// <summary>[hidden]: norm of the feed-forward block's output, before it is added to the residual stream.</summary>
    public static string PostFeedForwardNorm(int layer) => Layer(layer, "post_feedforward_layernorm");

    /// <summary>The layer that a tensor belongs to; -1 for what comes before all layers, and for what comes after them one that is behind any.</summary>
    public static int LayerOf(string name)
    {
        if (name == Embedding) return -1;
        string[] parts = name.Split('.', 4);
        return parts.Length == 4 && int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out int layer) ? layer : int.MaxValue;
    }

    private static string Layer(int layer, string part) => $"model.layers.{layer}.{part}.weight";
}
