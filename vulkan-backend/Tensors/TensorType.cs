namespace Gemma2.Backend.Tensors;

/// <summary>
/// How a tensor's numbers are stored; all little-endian. The quantized types are llama.cpp's: blocks of numbers along a row share scales.
/// Source of their layouts: https://github.com/ggml-org/ggml, src/ggml-common.h.
/// </summary>
public enum TensorType
{
    /// <summary>IEEE 754 binary32, 4 bytes.</summary>
    F32,

    /// <summary>IEEE 754 binary16, 2 bytes.</summary>
    F16,

    /// <summary>The upper half of a binary32, 2 bytes.</summary>
    BF16,

    /// <summary>32 numbers of 8 bits, one scale.</summary>
    Q8_0,

    /// <summary>32 numbers of 4 bits, one scale.</summary>
    Q4_0,

    /// <summary>32 numbers of 4 bits, scale and minimum.</summary>
    Q4_1,

    /// <summary>32 numbers of 5 bits, one scale.</summary>
    Q5_0,

    /// <summary>32 numbers of 5 bits, scale and minimum.</summary>
    Q5_1,

    /// <summary>256 numbers of 2 bits in groups of 16, each with scale and minimum of 4 bits.</summary>
    Q2_K,

    /// <summary>256 numbers of 3 bits in groups of 16, each with a scale of 6 bits.</summary>
    Q3_K,

    /// <summary>256 numbers of 4 bits in groups of 32, each with scale and minimum of 6 bits.</summary>
    Q4_K,

    /// <summary>256 numbers of 5 bits in groups of 32, each with scale and minimum of 6 bits.</summary>
    Q5_K,

    /// <summary>256 numbers of 6 bits in groups of 16, each with a scale of 8 bits.</summary>
    Q6_K,

    /// <summary>32 numbers of 4 bits that stand for the values of a table, one scale.</summary>
    IQ4_NL,

    /// <summary>256 numbers of 4 bits that stand for the values of a table, in groups of 32, each with a scale of 6 bits.</summary>
    IQ4_XS,
}

/// <summary>Facts about <see cref="TensorType"/>, as <see cref="TensorFormat"/> has them.</summary>
public static class TensorTypeExtensions
{
    /// <summary>Numbers that are stored together: rows are whole blocks. 1 for types that are not quantized.</summary>
    public static int BlockElements(this TensorType type) => TensorFormat.Of(type).BlockElements;

    /// <summary>Bytes of a block in a weight file.</summary>
    public static int BlockBytes(this TensorType type) => TensorFormat.Of(type).BlockBytes;

    /// <summary>Whether numbers share scales.</summary>
    public static bool IsQuantized(this TensorType type) => type.BlockElements() > 1;

    /// <summary>Bytes of a row in a weight file.</summary>
    /// <param name="type">The type.</param>
    /// <param name="elements">Numbers in the row: whole blocks.</param>
    public static long RowBytes(this TensorType type, long elements) => elements / type.BlockElements() * type.BlockBytes();

    /// <summary>Bytes of one number of a type that is not quantized.</summary>
    public static int Size(this TensorType type) => type.IsQuantized() ? throw new ArgumentOutOfRangeException(nameof(type), type, "quantized") : type.BlockBytes();
}
