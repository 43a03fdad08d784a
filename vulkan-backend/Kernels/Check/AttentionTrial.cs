using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Kernels.Check;

/// <summary>Attention of a prompt's last rows, or of rows that decode, over keys and values as the device stored them.</summary>
internal sealed class AttentionTrial(
    GpuDevice device, AttentionKernel kernel, RopeStoreKernel store, AttentionShape shape, TensorType type, RowKind kind, bool isSliding, string variant = "")
    : CacheTrial(device, store, shape, type, $"attention, {(kind == RowKind.Prompt ? "prompt" : "decode")}{variant}", isSliding ? $"window {Window}" : "global")
{
    private const int Window = 75;
    private const double Tolerance = 5e-5 * Size;

    /// <summary>No tile of queries is full at the end.</summary>
    private static readonly int[] _prompt = [.. Enumerable.Range(LongSequence - 21, 21)];

    /// <summary>Several of one sequence, one of another.</summary>
    private static readonly int[] _decoding = [0, 45, LongSequence - 1, LongSequence + ShortSequence - 1];

    protected override void Run(Comparison comparison)
    {
        (HostRows qkv, _, LayerCache cache) = Store();
        int[] rows = kind == RowKind.Prompt ? _prompt : _decoding;
        int size = Attention.HeadDimension;
        var queries = new float[rows.Length * Attention.QkvWidth];
        for (int i = 0; i < rows.Length; i++) qkv[rows[i]][..Attention.QkvWidth].CopyTo(queries.AsSpan(i * Attention.QkvWidth));
        StepRow[] steps = [.. rows.Select(RowAt)];
        HostRows x = UploadRows(queries, Attention.QkvWidth), y = ResultRows(rows.Length, Attention.Heads * size);
        GpuBuffer stepRows = Upload<StepRow>(steps);
        GpuBuffer scratch = Upload<byte>(new byte[kind == RowKind.Prompt ? AttentionKernel.PromptScratchBytes(Attention, rows.Length) : AttentionKernel.DecodingScratchBytes(Attention, rows.Length)]);
        Compute(commands => kernel.Record(
            commands, stepRows.Address, x.Activation, cache, y.Activation, scratch.Address, isSliding ? Window : null, kind == RowKind.Prompt, rows.Length));
        for (int head = 0; head < Attention.KeyValueHeads; head++) Compare(comparison, steps, x, y, head);
        for (int row = 0; row < rows.Length; row++) comparison.AddPadding(y[row][(Attention.Heads * size)..], row);
    }

    /// <summary>All query heads that share a head of keys and values.</summary>
    private void Compare(Comparison comparison, StepRow[] steps, HostRows x, HostRows y, int head)
    {
        int size = Attention.HeadDimension;
        var keys = new Dictionary<(uint Slot, int Position), (float[] Key, float[] Value)>();
        for (int row = 0; row < steps.Length; row++)
        {
            (_, uint position, uint slot) = steps[row];
            int last = (int)position, first = isSliding ? Math.Max(0, last - Window + 1) : 0;
            for (int at = first; at <= last; at++)
                if (!keys.ContainsKey((slot, at))) keys.Add((slot, at), (Read((int)slot, at, isValue: false, head), Read((int)slot, at, isValue: true, head)));
            (float[] Key, float[] Value)[] visible = [.. Enumerable.Range(first, last - first + 1).Select(at => keys[(slot, at)])];
            for (int query = head * Attention.Group; query < (head + 1) * Attention.Group; query++)
            {
                double[] expected = Attend(x[row].Slice(query * size, size), visible);
                for (int i = 0; i < size; i++) comparison.Add(y[row][(query * size) + i], expected[i], Tolerance, row, (query * size) + i);
            }
        }
    }

    private double[] Attend(ReadOnlySpan<float> query, (float[] Key, float[] Value)[] visible)
    {
        var weights = new double[visible.Length];
        for (int at = 0; at < visible.Length; at++)
        {
            float[] key = visible[at].Key;
            double score = 0;
            for (int i = 0; i < key.Length; i++) score += (double)query[i] * key[i];
            score *= Attention.Scale;
            weights[at] = Attention.Softcap > 0 ? Attention.Softcap * Math.Tanh(score / Attention.Softcap) : score;
        }
        double highest = weights.Max(), total = 0;
        for (int at = 0; at < weights.Length; at++) total += weights[at] = Math.Exp(weights[at] - highest);
        var sum = new double[query.Length];
        for (int at = 0; at < weights.Length; at++)
        {
            double weight = weights[at] / total;
            float[] value = visible[at].Value;
            for (int i = 0; i < sum.Length; i++) sum[i] += weight * value[i];
        }
        return sum;
    }
}
