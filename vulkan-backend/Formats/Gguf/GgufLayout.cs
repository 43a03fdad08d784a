using Gemma2.Backend.Config;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>Where the data of a GGUF file's tensors lies.</summary>
internal static class GgufLayout
{
    /// <summary>Places tensors in their file, in the order of their data, and checks that they fill it: only what alignment needs may lie between.</summary>
    /// <param name="tensors">The tensors.</param>
    /// <param name="headerLength">Where the header ends.</param>
    /// <param name="alignment">What offsets are multiples of.</param>
    /// <param name="file">The file's name.</param>
    /// <param name="fileLength">The file's length in bytes.</param>
    /// <param name="error">Makes an error for this file.</param>
    public static IReadOnlyList<TensorEntry> Place(
        IEnumerable<GgufTensor> tensors, long headerLength, int alignment, string file, long fileLength, Func<string, ModelException> error)
    {
        long dataOffset = Align(headerLength, alignment), end = dataOffset;
        TensorEntry[] placed = [.. tensors.Select(tensor => Place(tensor, dataOffset, alignment, file, fileLength, error))];
        Array.Sort(placed, (a, b) => (a.Offset, a.Length).CompareTo((b.Offset, b.Length)));
        foreach (TensorEntry tensor in placed)
        {
            string name = Show(tensor);
            if (tensor.Offset < end) throw error($"{name} overlaps the tensor before it.");
            if (tensor.Offset - end >= alignment) throw error($"{tensor.Offset - end} bytes before {name} belong to no tensor.");
            end = tensor.Offset + tensor.Length;
        }

        if (fileLength - end >= alignment) throw error($"the last {fileLength - end} bytes belong to no tensor.");
        return placed;
    }

    private static TensorEntry Place(
        in GgufTensor tensor, long dataOffset, int alignment, string file, long fileLength, Func<string, ModelException> error)
    {
        string name = ModelJson.Show(tensor.Name);
        if (tensor.Offset % (ulong)alignment != 0) throw error($"{name} begins at offset {tensor.Offset}, which is no multiple of {alignment}.");
        Int128 begin = (Int128)tensor.Offset + dataOffset, end = begin + tensor.Length;
        return end <= fileLength
            ? new TensorEntry(GgufNames.ToHuggingFace(tensor.Name), tensor.Type, tensor.Shape, file, (long)begin, tensor.Length) { HoldsFactor = tensor.Shape.Length == 1 }
            : throw error($"{name} ends at byte {end}, but the file is {fileLength} bytes long.");
    }

    private static string Show(TensorEntry tensor) => ModelJson.Show(GgufNames.FromHuggingFace(tensor.Name));

    private static long Align(long position, int alignment) => (position + alignment - 1) / alignment * alignment;
}
