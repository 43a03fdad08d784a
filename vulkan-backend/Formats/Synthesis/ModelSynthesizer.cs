using Gemma2.Backend.Config;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Gguf;
using Gemma2.Backend.Formats.Quantizing;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Quantization;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Synthesis;

/// <summary>
/// Writes a model of random weights as GGUF, for measurements and tests where no trained model is at hand. Its texts mean nothing, but activations and logits
/// have sane sizes in every layer, and all that costs time and memory is as in a trained model of that shape.
/// </summary>
public static class ModelSynthesizer
{
    private const int PieceBytes = 4 << 20;
    private const float NormDeviation = 0.2f;

    /// <summary>Writes a model. The same arguments give the same bytes everywhere.</summary>
    /// <param name="name">The model's name.</param>
    /// <param name="config">Its shape.</param>
    /// <param name="type">What most matrices are stored as; as in llama.cpp's presets, some get more bits.</param>
    /// <param name="seed">Which of the possible models.</param>
    /// <param name="file">Takes the GGUF file.</param>
    /// <param name="progress">Told how far the writing is.</param>
    /// <param name="cancellationToken">Stops it; the file is not whole then.</param>
    /// <returns>What was written.</returns>
    public static WrittenModel Write(
        string name, Gemma2Config config, WeightType type, ulong seed, Stream file, IProgress<LoadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        WeightMix mix = new(type, config);
        TensorEntry[] tensors = [.. TensorCatalog.Shapes(config).Select(tensor => Entry(tensor.Key, tensor.Value, mix))];
        Vocabulary vocabulary = SyntheticVocabulary.Of(config.VocabularySize);
        GgufFileSink sink = new(file, GgufModelKeys.Of(config, vocabulary, name, type));

        sink.Begin(tensors);
        long total = tensors.Sum(tensor => tensor.Length), written = 0;
        for (int i = 0; i < tensors.Length; i++)
        {
            TensorEntry tensor = tensors[i];
            int columns = (int)tensor.Shape[^1], rowBytes = (int)tensor.Type.RowBytes(columns);
            long rows = tensor.Length / rowBytes;
            RandomBlocks blocks = new(tensor.Type, columns, Deviation(tensor), SplitMix64.At(seed, (ulong)i));
            byte[] piece = new byte[Math.Min(rows, Math.Max(1, PieceBytes / tensor.GroupBytes) * ITensorSink.GroupRows) * rowBytes];
            for (long row = 0; row < rows; row += piece.Length / rowBytes)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int count = (int)Math.Min(rows - row, piece.Length / rowBytes);
                blocks.Fill(row, count, piece);
                sink.Write(tensor, row * rowBytes, piece.AsSpan(0, count * rowBytes));
                progress?.Report(new LoadProgress(written += count * rowBytes, total));
            }
        }
        return WrittenModel.Of(sink.Tensors, []);
    }

    private static TensorEntry Entry(string name, long[] shape, WeightMix mix)
    {
        TensorEntry plain = new(name, TensorType.F32, shape, "", 0, 0);
        TensorType type = mix.TypeOf(plain);
        long rows = shape.Length == 1 ? 1 : shape[0];
        return plain with { Type = type, Length = rows * type.RowBytes(shape[^1]) };
    }

    /// <summary>
    /// Products of a vector with numbers of this deviation are as large as the vector's. Those of queries and keys are larger, so that attention chooses, and so
    /// are logits, so that some tokens are likely. Of norms it is w's, not that of the factor 1 + w.
    /// </summary>
    private static float Deviation(TensorEntry tensor)
    {
        if (tensor.Shape.Count == 1) return NormDeviation;
        bool makesScores = tensor.Name.EndsWith("q_proj.weight", StringComparison.Ordinal) || tensor.Name.EndsWith("k_proj.weight", StringComparison.Ordinal);
        float gain = tensor.Name == TensorNames.Embedding ? 4 : makesScores ? 2 : 1;
        return gain / MathF.Sqrt(tensor.Shape[1]);
    }
}
