namespace Gemma2.Backend.Formats.Gguf;

/// <summary>The types of metadata values, by their numbers in a GGUF file. Source: https://github.com/ggml-org/ggml, docs/gguf.md.</summary>
internal enum GgufValueType
{
    /// <summary>8 bits, without sign.</summary>
    UInt8 = 0,

    /// <summary>8 bits, with sign.</summary>
    Int8 = 1,

    /// <summary>16 bits, without sign.</summary>
    UInt16 = 2,

    /// <summary>16 bits, with sign.</summary>
    Int16 = 3,

    /// <summary>32 bits, without sign.</summary>
    UInt32 = 4,

    /// <summary>32 bits, with sign.</summary>
    Int32 = 5,

    /// <summary>IEEE 754 binary32.</summary>
    Float32 = 6,

    /// <summary>One byte: 0 or 1.</summary>
    Bool = 7,

    /// <summary>Length in bytes (64 bits), then UTF-8.</summary>
    String = 8,

    /// <summary>Type of the elements (32 bits), their count (64 bits), then the elements.</summary>
    Array = 9,

    /// <summary>64 bits, without sign.</summary>
    UInt64 = 10,

    /// <summary>64 bits, with sign.</summary>
    Int64 = 11,

    /// <summary>IEEE 754 binary64.</summary>
    Float64 = 12,
}

/// <summary>Facts about <see cref="GgufValueType"/>.</summary>
internal static class GgufValueTypeExtensions
{
    /// <summary>Bytes of a value; of strings and arrays those of the shortest.</summary>
    public static int LeastBytes(this GgufValueType type) => type switch
    {
        GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.Bool => 1,
        GgufValueType.UInt16 or GgufValueType.Int16 => 2,
        GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.Float32 => 4,
        GgufValueType.UInt64 or GgufValueType.Int64 or GgufValueType.Float64 or GgufValueType.String => 8,
        GgufValueType.Array => 12,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };

    /// <summary>Whether all values have <see cref="LeastBytes"/>.</summary>
    public static bool IsFixed(this GgufValueType type) => type is not (GgufValueType.String or GgufValueType.Array);
}
