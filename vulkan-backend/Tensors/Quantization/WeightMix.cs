using Gemma2.Backend.Config;

namespace Gemma2.Backend.Tensors.Quantization;

/// <summary>
/// Which type each matrix gets in a model that is mostly of one type: as llama.cpp's presets have it, those that suffer most get more bits. Norms stay as they are.
/// Source: llama_tensor_get_type in src/llama-quant.cpp, https://github.com/ggml-org/llama.cpp.
/// </summary>
/// <param name="type">How the matrices are to be stored.</param>
/// <param name="config">The model's configuration.</param>
/// <param name="pure">Give all matrices the same type where their rows allow it.</param>
/// <param name="hasHead">Whether the model has an output matrix of its own.</param>
/// <param name="hasImportance">Whether it is known which inputs matter, which makes up for some bits.</param>
internal sealed class WeightMix(WeightType type, Gemma2Config config, bool pure = false, bool hasHead = false, bool hasImportance = false)
{
    /// <summary>Heads that share a key and a value make these matrices small, so that more bits cost little.</summary>
    private const int ManyHeadsAGroup = 4;

    private readonly TensorType _most = type.MostlyOf();

    /// <summary>The type that a tensor is to have.</summary>
    public TensorType TypeOf(TensorEntry tensor) => tensor.Shape.Count == 1 ? tensor.Type : Fit(WantedOf(tensor.Name), tensor.Shape[1]);

    /// <summary>The type that a matrix is to have whatever its rows are.</summary>
    public TensorType WantedOf(string name) => pure || !_most.IsQuantized() ? _most : Wanted(name);

    private TensorType Wanted(string name)
    {
        if (name is TensorNames.Head) return Output();
        if (name is TensorNames.Embedding) return hasHead ? _most : Output();
        int layer = int.Parse(name.Split('.')[2], System.Globalization.CultureInfo.InvariantCulture);
        if (name == TensorNames.Value(layer)) return Value(layer);
        if (name == TensorNames.Down(layer)) return Down(layer);
        return name == TensorNames.AttentionOutput(layer) ? AttentionOutput() : _most;
    }

    private TensorType Output() =>
        config.HiddenSize % _most.BlockElements() != 0 || _most == TensorType.Q8_0 ? TensorType.Q8_0 : TensorType.Q6_K;

    private TensorType Value(int layer) => type switch
    {
        WeightType.Q2_K => HasManyHeadsAGroup ? TensorType.Q4_K : TensorType.Q3_K,
        WeightType.Q2_K_S when HasManyHeadsAGroup => TensorType.Q4_K,
        WeightType.Q3_K_M => layer < 2 ? TensorType.Q5_K : TensorType.Q4_K,
        WeightType.Q3_K_L => TensorType.Q5_K,
        WeightType.Q4_K_S when layer < 4 => TensorType.Q5_K,
        WeightType.Q4_K_M or WeightType.Q5_K_M when UsesMoreBits(layer) => TensorType.Q6_K,
        WeightType.IQ4_NL or WeightType.IQ4_XS when HasManyHeadsAGroup => TensorType.Q5_K,
        _ => _most,
    };

    private TensorType Down(int layer) => type switch
    {
        WeightType.Q2_K => TensorType.Q3_K,
        WeightType.Q2_K_S when IsFirst(layer) => TensorType.Q4_K,
        WeightType.Q3_K_M => layer < config.LayerCount / 16 ? TensorType.Q5_K : TensorType.Q4_K,
        WeightType.Q3_K_L => TensorType.Q5_K,
        WeightType.Q4_K_S when IsFirst(layer) => TensorType.Q5_K,
        WeightType.Q4_K_M or WeightType.Q5_K_M when UsesMoreBits(layer) => TensorType.Q6_K,
        WeightType.IQ4_NL or WeightType.IQ4_XS when IsFirst(layer) && !hasImportance => TensorType.Q5_K,
        WeightType.Q4_0 when IsFirst(layer) && hasImportance => TensorType.Q4_1,
        WeightType.Q5_0 when IsFirst(layer) && hasImportance => TensorType.Q5_1,
        _ => _most,
    };

    private TensorType AttentionOutput() => type switch
    {
        WeightType.Q2_K => TensorType.Q3_K,
        WeightType.Q3_K_M => TensorType.Q4_K,
        WeightType.Q3_K_L => TensorType.Q5_K,
        _ => _most,
    };

    private bool HasManyHeadsAGroup => config.HeadCount / config.KeyValueHeadCount >= ManyHeadsAGroup;

    private bool IsFirst(int layer) => layer < config.LayerCount / 8;

    /// <summary>The first and the last eighth of the layers, and every third between.</summary>
    private bool UsesMoreBits(int layer)
    {
        int eighth = config.LayerCount / 8;
        return IsFirst(layer) || layer >= 7 * config.LayerCount / 8 || (layer - eighth) % 3 == 2;
    }

    /// <summary>The type itself, or one of about as many bits whose blocks divide a row.</summary>
    public static TensorType Fit(TensorType wanted, long columns)
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
