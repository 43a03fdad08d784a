using Gemma2.Backend.Config;

namespace Gemma2.Backend.Tensors.Quantization;

/// <summary>
/// Which type each matrix gets in a model that is mostly of one type: llama.cpp's presets (for the K types those called M) give more bits to matrices that
/// suffer most. Norms stay as they are. Source: llama_tensor_get_type in src/llama-quant.cpp, https://github.com/ggml-org/llama.cpp.
/// </summary>
/// <param name="type">What most matrices are to be.</param>
/// <param name="config">The model's configuration.</param>
/// <param name="pure">Give all matrices the same type where their rows allow it.</param>
internal sealed class WeightMix(TensorType type, Gemma2Config config, bool pure = false)
{
    /// <summary>Heads that share a key and a value make these matrices small, so that more bits cost little.</summary>
    private const int ManyHeadsAGroup = 4;

    /// <summary>The type that a tensor is to have.</summary>
    public TensorType TypeOf(TensorEntry tensor)
    {
        if (tensor.Shape.Count == 1) return tensor.Type;
        return Fit(pure || !type.IsQuantized() ? type : Wanted(tensor.Name), tensor.Shape[1]);
    }

    private TensorType Wanted(string name)
    {
        if (name == TensorNames.Embedding) return Embedding();
        int layer = int.Parse(name.Split('.')[2], System.Globalization.CultureInfo.InvariantCulture);
        if (name == TensorNames.Value(layer)) return Value(layer);
        if (name == TensorNames.Down(layer)) return Down(layer);
        return name == TensorNames.AttentionOutput(layer) ? AttentionOutput() : type;
    }

    /// <summary>It is the output matrix too.</summary>
    private TensorType Embedding() =>
        config.HiddenSize % type.BlockElements() != 0 || type == TensorType.Q8_0 ? TensorType.Q8_0 : TensorType.Q6_K;

    private TensorType Value(int layer) => type switch
    {
        TensorType.Q2_K => HasManyHeadsAGroup ? TensorType.Q4_K : TensorType.Q3_K,
        TensorType.Q3_K => layer < 2 ? TensorType.Q5_K : TensorType.Q4_K,
        TensorType.Q4_K or TensorType.Q5_K when UsesMoreBits(layer) => TensorType.Q6_K,
        TensorType.IQ4_NL or TensorType.IQ4_XS when HasManyHeadsAGroup => TensorType.Q5_K,
        _ => type,
    };

    private TensorType Down(int layer) => type switch
    {
        TensorType.Q2_K => TensorType.Q3_K,
        TensorType.Q3_K => layer < config.LayerCount / 16 ? TensorType.Q5_K : TensorType.Q4_K,
        TensorType.Q4_K or TensorType.Q5_K when UsesMoreBits(layer) => TensorType.Q6_K,
        TensorType.IQ4_NL or TensorType.IQ4_XS when layer < config.LayerCount / 8 => TensorType.Q5_K,
        _ => type,
    };

    private TensorType AttentionOutput() => type switch
    {
        TensorType.Q2_K => TensorType.Q3_K,
        TensorType.Q3_K => TensorType.Q4_K,
        _ => type,
    };

    private bool HasManyHeadsAGroup => config.HeadCount / config.KeyValueHeadCount >= ManyHeadsAGroup;

    /// <summary>The first and the last eighth of the layers, and every third between.</summary>
    private bool UsesMoreBits(int layer)
    {
        int eighth = config.LayerCount / 8;
        return layer < eighth || layer >= 7 * config.LayerCount / 8 || (layer - eighth) % 3 == 2;
    }

    /// <summary>The type itself, or one of about as many bits whose blocks divide a row.</summary>
    private static TensorType Fit(TensorType wanted, long columns)
    {
        if (columns % wanted.BlockElements() == 0) return wanted;
        TensorType smaller = wanted switch
        {
            TensorType.Q4_K => TensorType.Q5_0,
            TensorType.Q5_K => TensorType.Q5_1,
            TensorType.Q6_K => TensorType.Q8_0,
            _ => TensorType.IQ4_NL,
        };
        return columns % smaller.BlockElements() == 0 ? smaller : TensorType.F16;
    }
}
