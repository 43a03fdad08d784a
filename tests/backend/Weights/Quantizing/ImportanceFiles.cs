using System.Runtime.InteropServices;
using System.Text;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Gguf;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tests.Weights.Gguf;

namespace Gemma2.Backend.Tests.Weights.Quantizing;

/// <summary>Importance matrices as llama-imatrix writes them.</summary>
internal static class ImportanceFiles
{
    /// <summary>Sums of squares for every matrix in a model's layers, of very different sizes.</summary>
    public static Dictionary<string, float[]> Sums(Gemma2Config config, int seed = 1)
    {
        Random random = new(seed);
        return TensorCatalog.Shapes(config).Where(tensor => tensor.Value.Length > 1 && tensor.Key != TensorNames.Embedding).ToDictionary(
            tensor => GgufNames.FromHuggingFace(tensor.Key),
            tensor => Enumerable.Range(0, (int)tensor.Value[1]).Select(_ => 512 * (float)Math.Exp(6 * random.NextDouble())).ToArray());
    }

    /// <summary>The older form.</summary>
    /// <param name="sums">Sums of squares by matrix.</param>
    /// <param name="dataset">The text's name; null: the file ends with the entries, as the oldest do.</param>
    public static byte[] Legacy(IReadOnlyDictionary<string, float[]> sums, string? dataset = "calibration.txt")
    {
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write(sums.Count);
        foreach ((string name, float[] values) in sums)
        {
            WriteText(name);
            writer.Write(7);
            writer.Write(values.Length);
            writer.Write(MemoryMarshal.AsBytes(values.AsSpan()));
        }
        if (dataset is not null)
        {
            writer.Write(7);
            WriteText(dataset);
        }
        return stream.ToArray();

        void WriteText(string text)
        {
            writer.Write(Encoding.UTF8.GetByteCount(text));
            writer.Write(Encoding.UTF8.GetBytes(text));
        }
    }

    /// <summary>The form in GGUF.</summary>
    /// <param name="sums">Sums of squares by matrix.</param>
    /// <param name="count">Of how many inputs.</param>
    /// <param name="change">Makes it another file.</param>
    public static byte[] Gguf(IReadOnlyDictionary<string, float[]> sums, float count = 3584, Action<GgufBytes>? change = null)
    {
        GgufBytes file = new();
        file.Metadata["general.type"] = "imatrix";
        file.Metadata["imatrix.datasets"] = new[] { "calibration.txt", "more.txt" };
        file.Metadata["imatrix.chunk_count"] = 7u;
        file.Metadata["imatrix.chunk_size"] = 512u;
        foreach ((string name, float[] values) in sums)
        {
            file.Tensors.Add(($"{name}.in_sum2", TensorType.F32, [values.Length]));
            file.Tensors.Add(($"{name}.counts", TensorType.F32, [1]));
            file.Tensors.Add(($"{name}.in_sum", TensorType.F32, [values.Length]));
        }
        change?.Invoke(file);
        byte[] bytes = file.Write();
        float[][] data = [.. sums.Values.SelectMany(values => (float[][])[values, [count], new float[values.Length]])];
        int at = bytes.Length - data.Sum(numbers => Aligned(numbers.Length * sizeof(float)));
        foreach (float[] numbers in data)
        {
            MemoryMarshal.AsBytes(numbers.AsSpan()).CopyTo(bytes.AsSpan(at));
            at += Aligned(numbers.Length * sizeof(float));
        }
        return bytes;
    }

    private static int Aligned(int length) => (length + 31) / 32 * 32;
}
