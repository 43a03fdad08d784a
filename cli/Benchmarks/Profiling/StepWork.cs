using Gemma2.Backend.Engine;
using Gemma2.Backend.Tensors;

namespace Gemma2.Cli.Benchmarks.Profiling;

/// <summary>What the steps of a pass have to read: the matrices that each multiplies with, keys and values for attention.</summary>
internal sealed class StepWork
{
    private const string Attention = "attention";

    private readonly ModelWork _work;
    private readonly Dictionary<string, Matrix> _matrices;

    /// <param name="work">The model's sizes in device memory.</param>
    /// <param name="tensors">The model's tensors as they are stored.</param>
    public StepWork(ModelWork work, IReadOnlyList<TensorEntry> tensors)
    {
        _work = work;
        // Packed for the device, matrices keep their share of all.
        double packed = (double)work.WeightBytes / tensors.Sum(tensor => tensor.Length);
        Dictionary<string, TensorEntry> byName = tensors.ToDictionary(tensor => tensor.Name);
        _matrices = new Dictionary<string, Matrix>
        {
            ["qkv"] = Layers(TensorNames.Query, TensorNames.Key, TensorNames.Value),
            ["attention output"] = Layers(TensorNames.AttentionOutput),
            ["gate and up"] = Layers(TensorNames.Gate, TensorNames.Up),
            ["down"] = Layers(TensorNames.Down),
            ["logits"] = Of([byName.ContainsKey(TensorNames.Head) ? TensorNames.Head : TensorNames.Embedding]),
        };

        Matrix Layers(params Func<int, string>[] parts) => Of([.. Enumerable.Range(0, work.Config.LayerCount).SelectMany(layer => parts.Select(part => part(layer)))], parts.Length);

        Matrix Of(string[] names, int parts = 1) => new(
            names.Take(parts).Sum(name => byName[name].Shape[0]), byName[names[0]].Shape[1], packed * names.Sum(name => byName[name].Length));
    }

    /// <summary>The shape of a step's matrices below one another; null for steps without.</summary>
    public string? Shape(string step) => _matrices.TryGetValue(step, out Matrix? matrix) ? $"[{matrix.Rows}, {matrix.Columns}]" : null;

    /// <summary>Bytes that a step reads in a pass, all layers together; null where that is little.</summary>
    public double? Bytes(string step, StepProfile pass) => step == Attention
        ? (pass.IsPrompt ? 1 : pass.Rows) * MemoryEstimate.BytesRead(_work.Config, pass.Position + (pass.IsPrompt ? pass.Rows : 1), _work.KvCache)
        : _matrices.TryGetValue(step, out Matrix? matrix) ? matrix.Bytes : null;

    private sealed record Matrix(long Rows, long Columns, double Bytes);
}
