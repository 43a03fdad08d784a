using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Engine;

/// <summary>How numbers are kept in the KV cache.</summary>
public enum KvCacheType
{
    /// <summary>As exact as the weights: F32 for those that are not quantized, F16 for quantized ones.</summary>
    Auto,

    /// <summary>16-bit floats: half the memory of F32. Rounding to them is little beside quantized weights, and nearly all of the error of others.</summary>
    F16,

    /// <summary>32-bit floats: what attention computes in.</summary>
    F32,

    /// <summary>8-bit integers, a 16-bit scale for each 32 of them: half the memory of F16, less exact.</summary>
    Q8_0,
}

/// <summary>Facts about <see cref="KvCacheType"/>.</summary>
public static class KvCacheTypeExtensions
{
    /// <summary>What <see cref="KvCacheType.Auto"/> stands for; every other type stands for itself.</summary>
    /// <param name="type">The type that was asked for.</param>
    /// <param name="weights">The types of the model's tensors, as they come to lie in device memory.</param>
    public static KvCacheType For(this KvCacheType type, IEnumerable<TensorType> weights) =>
        type is not KvCacheType.Auto ? type : weights.Any(weight => weight.IsQuantized()) ? KvCacheType.F16 : KvCacheType.F32;

    /// <summary>The type of the numbers in the cache.</summary>
    internal static TensorType ToTensorType(this KvCacheType type) => type switch
    {
        KvCacheType.F16 => TensorType.F16,
        KvCacheType.F32 => TensorType.F32,
        KvCacheType.Q8_0 => TensorType.Q8_0,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };
}
