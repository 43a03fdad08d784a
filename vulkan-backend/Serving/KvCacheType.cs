using Gemma2.Backend.Weights;

namespace Gemma2.Backend.Serving;

/// <summary>How numbers are kept in the KV cache.</summary>
public enum KvCacheType
{
    /// <summary>16-bit floats: half the memory, the default.</summary>
    F16,

    /// <summary>32-bit floats: exact, for comparisons.</summary>
    F32,

    /// <summary>8-bit integers, a 16-bit scale for each 32 of them: half the memory of F16, less exact.</summary>
    Q8_0,
}

/// <summary>Facts about <see cref="KvCacheType"/>.</summary>
internal static class KvCacheTypeExtensions
{
    /// <summary>The type of the numbers in the cache.</summary>
    public static TensorType ToTensorType(this KvCacheType type) => type switch
    {
        KvCacheType.F16 => TensorType.F16,
        KvCacheType.F32 => TensorType.F32,
        KvCacheType.Q8_0 => TensorType.Q8_0,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };
}
