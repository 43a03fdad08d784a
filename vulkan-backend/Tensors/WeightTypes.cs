namespace Gemma2.Backend.Tensors;

/// <summary>Names of <see cref="WeightType"/>s, and facts about them.</summary>
public static class WeightTypes
{
    /// <summary>Every word that stands for one. Those of llama.cpp that name a type alone mean what they mean there: the preset called M.</summary>
    public static IReadOnlyList<(string Word, WeightType Value)> Words { get; } = [.. Enum.GetValues<WeightType>().SelectMany(WordsOf)];

    /// <summary>The type that a word stands for, in any case.</summary>
    /// <returns>Null where it stands for none.</returns>
    public static WeightType? Parse(string text)
    {
        foreach ((string word, WeightType type) in Words)
            if (word.Equals(text, StringComparison.OrdinalIgnoreCase)) return type;
        return null;
    }

    /// <summary>What most matrices are.</summary>
    public static TensorType MostlyOf(this WeightType type) => type switch
    {
        WeightType.Q2_K_S => TensorType.Q2_K,
        WeightType.Q3_K_S or WeightType.Q3_K_M or WeightType.Q3_K_L => TensorType.Q3_K,
        WeightType.Q4_K_S or WeightType.Q4_K_M => TensorType.Q4_K,
        WeightType.Q5_K_S or WeightType.Q5_K_M => TensorType.Q5_K,
        _ => Enum.Parse<TensorType>(type.ToString()),
    };

    /// <summary>What llama.cpp calls such a file. Source: include/llama.h, enum llama_ftype.</summary>
    public static uint GgufFileType(this WeightType type) => type switch
    {
        WeightType.F32 => 0,
        WeightType.F16 => 1,
        WeightType.Q4_0 => 2,
        WeightType.Q4_1 => 3,
        WeightType.Q8_0 => 7,
        WeightType.Q5_0 => 8,
        WeightType.Q5_1 => 9,
        WeightType.Q2_K => 10,
        WeightType.Q3_K_S => 11,
        WeightType.Q3_K_M => 12,
        WeightType.Q3_K_L => 13,
        WeightType.Q4_K_S => 14,
        WeightType.Q4_K_M => 15,
        WeightType.Q5_K_S => 16,
        WeightType.Q5_K_M => 17,
        WeightType.Q6_K => 18,
        WeightType.Q2_K_S => 21,
        WeightType.IQ4_NL => 25,
        WeightType.IQ4_XS => 30,
        WeightType.BF16 => 32,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "is no type"),
    };

    private static IEnumerable<(string Word, WeightType Value)> WordsOf(WeightType type)
    {
        string word = type.ToString().ToLowerInvariant();
        if (word.EndsWith("_m", StringComparison.Ordinal)) yield return (word[..^2], type);
        yield return (word, type);
    }
}
