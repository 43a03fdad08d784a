using System.Runtime.InteropServices;
using Gemma2.Backend.Formats.Gguf;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Quantizing;

/// <summary>
/// An importance matrix in GGUF: for each matrix NAME the tensors NAME.in_sum2, sums of squares, and NAME.counts, of how many inputs; both F32. Others are left aside.
/// Source: https://github.com/ggml-org/llama.cpp, tools/imatrix/imatrix.cpp.
/// </summary>
internal static class GgufImportance
{
    private const string Type = "general.type", ChunkCount = "imatrix.chunk_count";
    private const string SumsEnd = ".in_sum2", CountsEnd = ".counts";

    /// <summary>Reads a file.</summary>
    /// <exception cref="ModelException">It breaks a rule of the format, or is something else.</exception>
    public static async Task<ImportanceMatrix> ReadAsync(string path, byte[] bytes)
    {
        GgufReader reader = new(new MemoryStream(bytes), path, bytes.Length, CancellationToken.None);
        string folder = Path.GetDirectoryName(path) is { Length: > 0 } name ? name : ".";
        GgufHeader header = await GgufHeader.ReadAsync(reader, folder, Path.GetFileName(path), bytes.Length).ConfigureAwait(false);
        if (header.Metadata.Text(Type) != "imatrix") throw header.Metadata.Error(Type, "\"imatrix\": a file of llama-imatrix");

        ImportanceEntries entries = new(path);
        Dictionary<string, TensorEntry> tensors = header.Tensors.ToDictionary(tensor => tensor.Name);
        foreach (TensorEntry sums in header.Tensors.Where(tensor => tensor.Name.EndsWith(SumsEnd, StringComparison.Ordinal)))
        {
            string matrix = sums.Name[..^SumsEnd.Length];
            TensorEntry counts = tensors.GetValueOrDefault(matrix + CountsEnd) ?? throw entries.Error(matrix, $"has sums ({SumsEnd}), but no {CountsEnd}.");
            if (sums.Type != TensorType.F32 || counts.Type != TensorType.F32) throw entries.Error(matrix, $"has sums of {sums.Type} and counts of {counts.Type}; both must be F32.");
            if (counts.Length != sizeof(float)) throw entries.Error(matrix, $"has {counts.Length / sizeof(float)} counts, as mixtures of experts have; a matrix of Gemma 2 has 1.");
            float count = Numbers(bytes, counts)[0];
            if (!(count >= 0)) throw entries.Error(matrix, $"has the count {count}.");
            if (count > 0) entries.Add(matrix, Numbers(bytes, sums));
        }
        string? dataset = header.Metadata.Has(GgufKeys.ImatrixDatasets) ? header.Metadata.Array<string>(GgufKeys.ImatrixDatasets, "an array of strings").FirstOrDefault() : null;
        return new ImportanceMatrix(path, entries, dataset, header.Metadata.Integer(ChunkCount, 0, int.MaxValue, byDefault: 0));
    }

    private static ReadOnlySpan<float> Numbers(byte[] bytes, TensorEntry tensor) => MemoryMarshal.Cast<byte, float>(bytes.AsSpan((int)tensor.Offset, (int)tensor.Length));
}
