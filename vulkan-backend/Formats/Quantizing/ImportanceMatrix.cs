namespace Gemma2.Backend.Formats.Quantizing;

/// <summary>
/// What llama.cpp's llama-imatrix has measured while a model read a text: the mean square of each input of each matrix. Errors of weights that are multiplied with much
/// count more.
/// </summary>
public sealed class ImportanceMatrix
{
    private const int LongestFile = 256 << 20;

    internal ImportanceMatrix(string file, ImportanceEntries entries, string? dataset, int chunks) =>
        (File, Entries, Dataset, Chunks) = (file, entries.ByName, dataset, chunks);

    /// <summary>The file's path.</summary>
    public string File { get; }

    /// <summary>What text it was made with, where the file says so.</summary>
    public string? Dataset { get; }

    /// <summary>How many pieces of text it was made with; 0 where the file does not say.</summary>
    public int Chunks { get; }

    /// <summary>The importance of each column, by matrices' names in GGUF: 1 in the mean over a matrix, and above 0.</summary>
    internal IReadOnlyDictionary<string, float[]> Entries { get; }

    /// <summary>Reads a file: llama.cpp's GGUF form, or its older .dat.</summary>
    /// <exception cref="ModelException">It is neither, or damaged.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static async Task<ImportanceMatrix> LoadAsync(string path, CancellationToken cancellationToken = default)
    {
        await using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, useAsync: true);
        if (file.Length > LongestFile) throw new ModelException($"{path}: has {file.Length} bytes; importance matrices of Gemma 2 have at most {LongestFile >> 20} MiB.");
        byte[] bytes = new byte[file.Length];
        await file.ReadExactlyAsync(bytes, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(path, bytes).ConfigureAwait(false);
    }

    /// <summary>Reads a file that is in memory.</summary>
    /// <exception cref="ModelException">It is no importance matrix, or damaged.</exception>
    internal static async Task<ImportanceMatrix> ReadAsync(string path, byte[] bytes)
    {
        ImportanceMatrix read = bytes.AsSpan().StartsWith("GGUF"u8) ? await GgufImportance.ReadAsync(path, bytes).ConfigureAwait(false) : LegacyImportance.Read(path, bytes);
        return read.Entries.Count > 0 ? read : throw new ModelException($"{path}: says nothing about any matrix.");
    }
}
