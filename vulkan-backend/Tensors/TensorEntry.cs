namespace Gemma2.Backend.Tensors;

/// <summary>One tensor in a weight file.</summary>
/// <param name="Name">Its name, as Hugging Face has it whatever the file's format: see <see cref="TensorNames"/>.</param>
/// <param name="Type">How its numbers are stored.</param>
/// <param name="Shape">Its dimensions, outermost first: a matrix is [rows, columns].</param>
/// <param name="File">Name of the file that holds it.</param>
/// <param name="Offset">Where its first byte lies, counted from the file's begin.</param>
/// <param name="Length">Its length in bytes.</param>
public sealed record TensorEntry(string Name, TensorType Type, IReadOnlyList<long> Shape, string File, long Offset, long Length)
{
    /// <summary>For a norm: true if it holds what numbers are multiplied by (GGUF: 1 + w), false if it holds that less 1 (safetensors: w).</summary>
    public bool HoldsFactor { get; init; }

    /// <summary>Bytes of a row: of all of a tensor that is no matrix.</summary>
    public long RowBytes => Type.RowBytes(Shape[^1]);

    /// <summary>Bytes of <see cref="ITensorSink.GroupRows"/> rows.</summary>
    internal long GroupBytes => RowBytes * ITensorSink.GroupRows;
}
