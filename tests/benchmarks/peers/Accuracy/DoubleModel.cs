using System.Numerics.Tensors;
using Gemma2.Backend.Config;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Benchmarks.Peers.Accuracy;

/// <summary>
/// Gemma 2 in double precision from a GGUF file's own weights, straight from its definition: a whole sequence at once, no cache. Source: arXiv:2408.00118, section 2.
/// Matrices are read and dequantized a few rows at a time, so that a model of any size fits.
/// </summary>
internal sealed class DoubleModel : IDisposable
{
    private const int RowsAtOnce = 64;

    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle _file;
    private readonly Gemma2Config _config;
    private readonly Dictionary<string, TensorEntry> _tensors;

    private DoubleModel(string file, OpenModel model)
    {
        _file = File.OpenHandle(file);
        _config = model.Config;
        _tensors = model.Tensors.ToDictionary(tensor => tensor.Name);
    }

    /// <summary>Opens a GGUF file.</summary>
    public static async Task<DoubleModel> OpenAsync(string file)
    {
        await using OpenModel model = await ModelReader.OpenAsync(new FileModelSource(file), default);
        return new DoubleModel(file, model);
    }

    /// <summary>The prompt with its logits.</summary>
    public ExpectedLogits Expect(int[] tokens)
    {
        // [tokens][hidden]
        double[][] x = [.. tokens.Select(token => Rows(_tensors[TensorNames.Embedding], token, 1))];
        foreach (double[] row in x) TensorPrimitives.Multiply(row, Math.Sqrt(_config.HiddenSize), row);
        for (int layer = 0; layer < _config.LayerCount; layer++)
        {
            Add(x, Normed(Attention(Normed(x, TensorNames.InputNorm(layer)), layer), TensorNames.PostAttentionNorm(layer)));
            Add(x, Normed(FeedForward(Normed(x, TensorNames.PreFeedForwardNorm(layer)), layer), TensorNames.PostFeedForwardNorm(layer)));
        }
        double[] logits = Multiply(Normed([x[^1]], TensorNames.FinalNorm), TensorNames.Embedding)[0];
        return new ExpectedLogits(tokens, [.. logits.Select(logit => Softcap(logit, _config.FinalSoftcap))]);
    }

    /// <summary>The size of the vocabulary.</summary>
    public int VocabularySize => _config.VocabularySize;

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    // [tokens][hidden] -> [tokens][hidden]
    private double[][] Attention(double[][] h, int layer)
    {
        int size = _config.HeadDimension, queriesPerKey = _config.HeadCount / _config.KeyValueHeadCount;
        double[][] q = Multiply(h, TensorNames.Query(layer)), k = Multiply(h, TensorNames.Key(layer)), v = Multiply(h, TensorNames.Value(layer));
        for (int t = 0; t < h.Length; t++)
        {
            Rotate(q[t], t);
            Rotate(k[t], t);
        }
        double scale = 1 / Math.Sqrt(_config.QueryPreAttentionScalar);
        double[][] mixed = [.. h.Select(_ => new double[_config.HeadCount * size])];
        for (int t = 0; t < h.Length; t++)
        {
            int first = _config.Layers[layer].FirstVisible(t);
            for (int head = 0; head < _config.HeadCount; head++)
            {
                int query = head * size, key = head / queriesPerKey * size;
                double[] scores = new double[t - first + 1];
                for (int j = first; j <= t; j++)
                    scores[j - first] = Softcap(TensorPrimitives.Dot<double>(q[t].AsSpan(query, size), k[j].AsSpan(key, size)) * scale, _config.AttentionSoftcap);
                TensorPrimitives.SoftMax<double>(scores, scores);
                Span<double> sum = mixed[t].AsSpan(query, size);
                for (int j = first; j <= t; j++) TensorPrimitives.MultiplyAdd(v[j].AsSpan(key, size), scores[j - first], sum, sum);
            }
        }
        return Multiply(mixed, TensorNames.AttentionOutput(layer));
    }

    // [tokens][hidden] -> [tokens][hidden]
    private double[][] FeedForward(double[][] h, int layer)
    {
        double[][] gate = Multiply(h, TensorNames.Gate(layer)), up = Multiply(h, TensorNames.Up(layer));
        return Multiply([.. gate.Zip(up, (g, u) => g.Zip(u, (a, b) => GeluTanh(a) * b).ToArray())], TensorNames.Down(layer));
    }

    // Rotates each head's halves against each other (arXiv:2104.09864, in Hugging Face's order).
    private void Rotate(double[] heads, int position)
    {
        int half = _config.HeadDimension / 2;
        for (int start = 0; start < heads.Length; start += 2 * half)
        {
            for (int i = 0; i < half; i++)
            {
                (double sin, double cos) = Math.SinCos(position * Math.Pow(_config.RopeTheta, -(double)i / half));
                (double a, double b) = (heads[start + i], heads[start + half + i]);
                heads[start + i] = (a * cos) - (b * sin);
                heads[start + half + i] = (b * cos) + (a * sin);
            }
        }
    }

    private double[][] Normed(double[][] x, string weight)
    {
        TensorEntry tensor = _tensors[weight];
        double[] factors = Rows(tensor, 0, 1);
        if (!tensor.HoldsFactor) TensorPrimitives.Add(factors, 1, factors);
        return
        [
            .. x.Select(row =>
            {
                var normed = new double[row.Length];
                TensorPrimitives.Multiply(row, 1 / Math.Sqrt((TensorPrimitives.SumOfSquares<double>(row) / row.Length) + _config.RmsNormEpsilon), normed);
                TensorPrimitives.Multiply(normed, factors, normed);
                return normed;
            }),
        ];
    }

    // [tokens][columns] -> [tokens][rows]
    private double[][] Multiply(double[][] x, string weight)
    {
        TensorEntry tensor = _tensors[weight];
        int rows = (int)tensor.Shape[0], columns = (int)tensor.Shape[1];
        double[][] y = [.. x.Select(_ => new double[rows])];
        Parallel.For(0, (rows + RowsAtOnce - 1) / RowsAtOnce, block =>
        {
            int first = block * RowsAtOnce, count = Math.Min(RowsAtOnce, rows - first);
            double[] w = Rows(tensor, first, count);
            for (int t = 0; t < x.Length; t++)
                for (int row = 0; row < count; row++) y[t][first + row] = TensorPrimitives.Dot<double>(x[t], w.AsSpan(row * columns, columns));
        });
        return y;
    }

    // [count, columns]; a vector is one row.
    private double[] Rows(TensorEntry tensor, int first, int count)
    {
        int columns = (int)tensor.Shape[^1], rowBytes = (int)tensor.Type.RowBytes(columns);
        byte[] bytes = new byte[count * rowBytes];
        if (RandomAccess.Read(_file, bytes, tensor.Offset + ((long)first * rowBytes)) != bytes.Length) throw new EndOfStreamException($"{tensor.Name} is cut.");
        float[] values = new float[count * columns];
        BlockCodec.Dequantize(tensor.Type, bytes, values);
        double[] exact = new double[values.Length];
        TensorPrimitives.ConvertChecked<float, double>(values, exact);
        return exact;
    }

    private static void Add(double[][] x, double[][] block)
    {
        for (int t = 0; t < x.Length; t++) TensorPrimitives.Add<double>(x[t], block[t], x[t]);
    }

    private static double Softcap(double x, double cap) => cap > 0 ? cap * Math.Tanh(x / cap) : x;

    // arXiv:1606.08415, section 2
    private static double GeluTanh(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))));
}
