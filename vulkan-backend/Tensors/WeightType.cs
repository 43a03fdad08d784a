namespace Gemma2.Backend.Tensors;

/// <summary>
/// How a model's matrices are stored: llama.cpp's presets. Most matrices get one <see cref="TensorType"/>, and those that suffer most get more bits, of which S gives few,
/// M some and L many. Source: https://github.com/ggml-org/llama.cpp, tools/quantize/quantize.cpp; what each matrix gets: <see cref="Quantization.WeightMix"/>.
/// </summary>
public enum WeightType
{
    /// <summary>Not quantized: <see cref="TensorType.F32"/>.</summary>
    F32,

    /// <summary>Not quantized: <see cref="TensorType.F16"/>.</summary>
    F16,

    /// <summary>Not quantized: <see cref="TensorType.BF16"/>.</summary>
    BF16,

    /// <summary>All matrices <see cref="TensorType.Q8_0"/>.</summary>
    Q8_0,

    /// <summary>Mostly <see cref="TensorType.Q4_0"/>.</summary>
    Q4_0,

    /// <summary>Mostly <see cref="TensorType.Q4_1"/>.</summary>
    Q4_1,

    /// <summary>Mostly <see cref="TensorType.Q5_0"/>.</summary>
    Q5_0,

    /// <summary>Mostly <see cref="TensorType.Q5_1"/>.</summary>
    Q5_1,

    /// <summary>Mostly <see cref="TensorType.Q2_K"/>.</summary>
    Q2_K,

    /// <summary>Mostly <see cref="TensorType.Q2_K"/>, smaller.</summary>
    Q2_K_S,

    /// <summary><see cref="TensorType.Q3_K"/>.</summary>
    Q3_K_S,

    /// <summary>Mostly <see cref="TensorType.Q3_K"/>; also called Q3_K.</summary>
    Q3_K_M,

    /// <summary>Mostly <see cref="TensorType.Q3_K"/>, larger.</summary>
    Q3_K_L,

    /// <summary>Mostly <see cref="TensorType.Q4_K"/>, smaller.</summary>
    Q4_K_S,

    /// <summary>Mostly <see cref="TensorType.Q4_K"/>; also called Q4_K.</summary>
    Q4_K_M,

    /// <summary><see cref="TensorType.Q5_K"/>.</summary>
    Q5_K_S,

    /// <summary>Mostly <see cref="TensorType.Q5_K"/>; also called Q5_K.</summary>
    Q5_K_M,

    /// <summary><see cref="TensorType.Q6_K"/>.</summary>
    Q6_K,

    /// <summary>Mostly <see cref="TensorType.IQ4_NL"/>.</summary>
    IQ4_NL,

    /// <summary>Mostly <see cref="TensorType.IQ4_XS"/>.</summary>
    IQ4_XS,
}
