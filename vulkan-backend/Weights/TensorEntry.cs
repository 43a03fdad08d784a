namespace Gemma2.Backend.Weights;

/// <summary>How a tensor's numbers are stored; all little-endian.</summary>
public enum TensorType
{
    /// <summary>IEEE 754 binary32, 4 bytes.</summary>
    F32,

    /// <summary>IEEE 754 binary16, 2 bytes.</summary>
    F16,

    /// <summary>The upper half of a binary32, 2 bytes.</summary>
    BF16,
}

/// <summary>One tensor in a weight file.</summary>
/// <param name="Name">Its name, as Hugging Face has it: see <see cref="TensorNames"/>.</param>
/// <param name="Type">How its numbers are stored.</param>
/// <param name="Shape">Its dimensions, outermost first: a matrix is [rows, columns].</param>
/// <param name="File">Name of the file that holds it.</param>
/// <param name="Offset">Where its first byte lies, counted from the file's begin.</param>
/// <param name="Length">Its length in bytes.</param>
public sealed record TensorEntry(string Name, TensorType Type, IReadOnlyList<long> Shape, string File, long Offset, long Length);

/// <summary>Facts about <see cref="TensorType"/>.</summary>
public static class TensorTypeExtensions
{
    /// <summary>Bytes of one number.</summary>
    public static int Size(this TensorType type) => type == TensorType.F32 ? 4 : 2;
}
