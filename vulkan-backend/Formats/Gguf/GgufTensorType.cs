using System.Collections.Frozen;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>The types of tensors, by their numbers in a GGUF file. Source: https://github.com/ggml-org/ggml, include/ggml.h, enum ggml_type.</summary>
internal static class GgufTensorType
{
    private static readonly FrozenDictionary<uint, TensorType> Types = TensorFormat.All.ToFrozenDictionary(format => format.GgufNumber, format => format.Type);

    /// <summary>Types that exist but are not supported, so that a message can name them.</summary>
    private static readonly FrozenDictionary<uint, string> Others = new Dictionary<uint, string>
    {
        [4] = "Q4_2",
        [5] = "Q4_3",
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
        [31] = "Q4_0_4_4",
        [32] = "Q4_0_4_8",
        [33] = "Q4_0_8_8",
        [34] = "TQ1_0",
        [35] = "TQ2_0",
        [36] = "IQ4_NL_4_4",
        [37] = "IQ4_NL_4_8",
        [38] = "IQ4_NL_8_8",
        [39] = "MXFP4",
    }.ToFrozenDictionary();

    /// <summary>The type of a number.</summary>
    /// <returns>Null where it is not supported.</returns>
    public static TensorType? Of(uint number) => Types.TryGetValue(number, out TensorType type) ? type : null;

    /// <summary>The number of a type.</summary>
    public static uint NumberOf(TensorType type) => TensorFormat.Of(type).GgufNumber;

    /// <summary>A number as a message shows it: by name where it has one.</summary>
    public static string Show(uint number) => Others.TryGetValue(number, out string? name) ? name : $"number {number}";
}
