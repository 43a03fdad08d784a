using System.Numerics.Tensors;
using Gemma2.Backend.Config;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Backend.Tests.Kernels;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>
/// Gemma 2 on the CPU in double precision, written from its definition: whole sequences at once, no cache, no chunks.
/// For lengths that the golden data does not reach.
/// </summary>
internal sealed class ReferenceModel : ITensorSink
{
    private readonly Gemma2Config _config;
    private readonly Dictionary<string, (TensorEntry Tensor, byte[] Bytes)> _stored = [];
    private readonly Dictionary<string, double[]> _weights = [];

    private ReferenceModel(Gemma2Config config) => _config = config;

    public static Task<ReferenceModel> LoadAsync(string folder, CancellationToken cancellationToken) => LoadAsync(new FolderModelSource(folder), cancellationToken);

    public static async Task<ReferenceModel> LoadAsync(IModelSource source, CancellationToken cancellationToken)
    {
        await using OpenModel files = await ModelReader.OpenAsync(source, cancellationToken);
        var model = new ReferenceModel(files.Config);
        await files.ReadAsync(model, cancellationToken: cancellationToken);
        foreach ((TensorEntry tensor, byte[] bytes) in model._stored.Values) model._weights[tensor.Name] = Numbers(tensor, bytes);
        return model;
    }

    /// <summary>Logits after the last token.</summary>
    public double[] LastLogits(int[] tokens)
    {
        int hidden = _config.HiddenSize;
        double[] embedding = _weights[TensorNames.Embedding];
        double[][] x = [.. tokens.Select(t => embedding.AsSpan(t * hidden, hidden).ToArray())];
        foreach (double[] row in x) TensorPrimitives.Multiply(row, Math.Sqrt(hidden), row);
        for (int layer = 0; layer < _config.LayerCount; layer++)
        {
            Add(x, Normed(Attention(Normed(x, TensorNames.InputNorm(layer)), layer), TensorNames.PostAttentionNorm(layer)));
            Add(x, Normed(FeedForward(Normed(x, TensorNames.PreFeedForwardNorm(layer)), layer), TensorNames.PostFeedForwardNorm(layer)));
        }
        double[] last = Normed([x[^1]], TensorNames.FinalNorm)[0];
        return [.. Multiply([last], _weights.ContainsKey(TensorNames.Head) ? TensorNames.Head : TensorNames.Embedding, _config.VocabularySize)[0].Select(v => Oracle.Softcap(v, _config.FinalSoftcap))];
    }

    public void Begin(IReadOnlyList<TensorEntry> tensors)
    {
        foreach (TensorEntry tensor in tensors) _stored[tensor.Name] = (tensor, new byte[tensor.Length]);
    }

    public void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes) => bytes.CopyTo(_stored[tensor.Name].Bytes.AsSpan((int)byteOffset));

    /// <summary>A tensor's numbers; of a norm what is multiplied by, less 1.</summary>
    private static double[] Numbers(TensorEntry tensor, byte[] bytes)
    {
        float[] numbers = new float[tensor.Shape.Aggregate(1L, (product, size) => product * size)];
        BlockCodec.Dequantize(tensor.Type, bytes, numbers);
        return [.. numbers.Select(number => (double)number - (tensor.HoldsFactor ? 1 : 0))];
    }

    private double[][] Attention(double[][] h, int layer)
    {
        int size = _config.HeadDimension, heads = _config.HeadCount, kvHeads = _config.KeyValueHeadCount;
        double[][] q = Multiply(h, TensorNames.Query(layer), heads * size);
        double[][] k = Multiply(h, TensorNames.Key(layer), kvHeads * size);
        double[][] v = Multiply(h, TensorNames.Value(layer), kvHeads * size);
        for (int t = 0; t < h.Length; t++)
        {
            Rotate(q[t], t);
            Rotate(k[t], t);
        }
        double scale = 1 / Math.Sqrt(_config.QueryPreAttentionScalar);
        var mixed = new double[h.Length][];
        Parallel.For(0, h.Length, t =>
        {
            mixed[t] = new double[heads * size];
            int first = _config.Layers[layer].FirstVisible(t);
            for (int head = 0; head < heads; head++)
            {
                Range part = Head(head / (heads / kvHeads));
                var scores = new double[t - first + 1];
                for (int j = first; j <= t; j++)
                    scores[j - first] = Oracle.Softcap(TensorPrimitives.Dot<double>(q[t].AsSpan(Head(head)), k[j].AsSpan(part)) * scale, _config.AttentionSoftcap);
                TensorPrimitives.SoftMax<double>(scores, scores);
                Span<double> sum = mixed[t].AsSpan(Head(head));
                for (int j = first; j <= t; j++) TensorPrimitives.MultiplyAdd(v[j].AsSpan(part), scores[j - first], sum, sum);
            }
        });
        return Multiply(mixed, TensorNames.AttentionOutput(layer), _config.HiddenSize);

        Range Head(int index) => (index * size)..((index + 1) * size);
    }

    private double[][] FeedForward(double[][] h, int layer)
    {
        double[][] gate = Multiply(h, TensorNames.Gate(layer), _config.IntermediateSize);
        double[][] up = Multiply(h, TensorNames.Up(layer), _config.IntermediateSize);
        double[][] u = [.. gate.Zip(up, (g, w) => g.Zip(w, (a, b) => Oracle.GeluTanh(a) * b).ToArray())];
        return Multiply(u, TensorNames.Down(layer), _config.HiddenSize);
    }

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
        float[] w = [.. _weights[weight].Select(v => (float)(1 + v))];
        return [.. x.Select(row => Oracle.RmsNorm(row, w, _config.RmsNormEpsilon))];
    }

    private double[][] Multiply(double[][] x, string weight, int rows)
    {
        double[] w = _weights[weight];
        int columns = x[0].Length;
        var y = new double[x.Length][];
        Parallel.For(0, x.Length, t =>
        {
            y[t] = new double[rows];
            for (int r = 0; r < rows; r++) y[t][r] = TensorPrimitives.Dot<double>(x[t], w.AsSpan(r * columns, columns));
        });
        return y;
    }

    private static void Add(double[][] x, double[][] block)
    {
        for (int t = 0; t < x.Length; t++) TensorPrimitives.Add<double>(x[t], block[t], x[t]);
    }
}
