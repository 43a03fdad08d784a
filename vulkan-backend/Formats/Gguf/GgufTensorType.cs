using System.Collections.Frozen;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>The types of tensors, by their numbers in a GGUF file. Source: https://github.com/ggml-org/ggml, include/ggml.h, enum ggml_type.</summary>
internal static class GgufTensorType
{
    private static readonly FrozenDictionary<uint, TensorType> Types = new Dictionary<uint, TensorType>
    {
        [0] = TensorType.F32,
        [1] = TensorType.F16,
        [2] = TensorType.Q4_0,
        [3] = TensorType.Q4_1,
        [6] = TensorType.Q5_0,
        [7] = TensorType.Q5_1,
        [8] = TensorType.Q8_0,
        [10] = TensorType.Q2_K,
        [11] = TensorType.Q3_K,
        [12] = TensorType.Q4_K,
        [13] = TensorType.Q5_K,
        [14] = TensorType.Q6_K,
        [20] = TensorType.IQ4_NL,
        [23] = TensorType.IQ4_XS,
        [30] = TensorType.BF16,
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<TensorType, uint> Numbers = Types.ToFrozenDictionary(type => type.Value, type => type.Key);

    /// <summary>Types that exist but are not supported, so that a message can name them.</summary>
    private static readonly FrozenDictionary<uint, string> Others = new Dictionary<uint, string>
    {
        [9] = "Q8_1",
        [15] = "Q8_K",
        [16] = "IQ2_XXS",
        [17] = "IQ2_XS",
        [18] = "IQ3_XXS",
        [19] = "IQ1_S",
        [21] = "IQ3_S",
        [22] = "IQ2_S",
        [24] = "I8",
        [25] = "I16",
        [26] = "I32",
        [27] = "I64",
        [28] = "F64",
        [29] = "IQ1_M",
        [34] = "TQ1_0",
        [35] = "TQ2_0",
        [39] = "MXFP4",
    }.ToFrozenDictionary();

    /// <summary>The type of a number.</summary>
    /// <returns>Null where it is not supported.</returns>
    public static TensorType? Of(uint number) => Types.TryGetValue(number, out TensorType type) ? type : null;

    /// <summary>The number of a type.</summary>
    public static uint NumberOf(TensorType type) => Numbers[type];

    /// <summary>A number as a message shows it: by name where it has one.</summary>
    public static string Show(uint number) => Others.TryGetValue(number, out string? name) ? name : $"number {number}";
}
