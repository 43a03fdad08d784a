using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;

namespace Gemma2.Backend.Model;

/// <content>
/// Gemma 2's arithmetic, recorded as straight-line code. Source: arXiv:2408.00118, section 2, and Google's reference implementation
/// (github.com/google/gemma_pytorch).
/// </content>
internal sealed partial class ForwardPass
{
    /// <summary>Rows of a pass -> h, normed for the output matrix.</summary>
    private void RecordLayers(CommandRecorder commands, Pass pass, int first, int count)
    {
        Activations a = _activations;
        PassRow row = pass.Rows(first + 1)[first];
        (int position, int sequence) = ((int)row.Position, (int)row.Sequence);
        commands.Label("embed");
        _kernels.Embed.Record(commands, pass.RowsAddress + (ulong)(first * PassRow.Bytes), _weights.Embedding, a.X.From(first), count);
        commands.Barrier();
        commands.Label("first norm");
        _kernels.RmsNorm.Record(commands, a.X.From(first), _weights.Layers[0].InputNorm, a.H.From(first), _config.RmsNormEpsilon, count);
        commands.Barrier();
        for (int layer = 0; layer < _config.LayerCount; layer++)
        {
            LayerWeights w = _weights.Layers[layer];
            bool isLast = layer == _config.LayerCount - 1;
            RecordAttention(commands, pass, layer, w, _cache.Layer(layer, sequence), position, first, count);
            commands.Label("attention norms", layer);
            RecordSeam(commands, w.PostAttentionNorm, w.PreFeedForwardNorm, first, count);
            RecordFeedForward(commands, layer, w, first, count);
            commands.Label("feed-forward norms", layer);
            RecordSeam(commands, w.PostFeedForwardNorm, isLast ? _weights.FinalNorm : _weights.Layers[layer + 1].InputNorm, first, count);
        }
    }

    /// <summary>h -> output.</summary>
    private void RecordAttention(CommandRecorder commands, Pass pass, int layer, LayerWeights w, DeviceCache cache, int position, int first, int count)
    {
        Activations a = _activations;
        commands.Label("qkv", layer);
        RecordQkv(commands, w.Qkv, first, count);
        commands.Label("rope and store", layer);
        _kernels.RopeStore.Record(
            commands, pass.RowsAddress + (ulong)(first * PassRow.Bytes), a.Qkv.From(first), _angles.Address, _cache.Layer(layer), count);
        commands.Barrier();
        commands.Label("attention", layer);
        int? window = Gemma2Config.IsSliding(layer) ? _config.SlidingWindow : null;
        _kernels.Attention.Record(commands, a.Qkv.From(first), cache, a.Attention.From(first), position, window, count);
        commands.Barrier();
        commands.Label("attention output", layer);
        RecordProduct(commands, w.AttentionOutput, a.Attention.From(first), a.Output.From(first), count);
    }

    /// <summary>h -> output.</summary>
    private void RecordFeedForward(CommandRecorder commands, int layer, LayerWeights w, int first, int count)
    {
        Activations a = _activations;
        commands.Label("gate and up", layer);
        _kernels.Matrices.RecordGeglu(commands, w.Gate, w.Up, a.H.From(first), a.U.From(first), count);
        commands.Barrier();
        commands.Label("down", layer);
        RecordProduct(commands, w.Down, a.U.From(first), a.Output.From(first), count);
    }

    /// <summary>x += norm(output), h = norm(x).</summary>
    private void RecordSeam(CommandRecorder commands, ulong postNorm, ulong preNorm, int first, int count)
    {
        Activations a = _activations;
        _kernels.AddNorm.Record(commands, a.Output.From(first), postNorm, a.X.From(first), preNorm, a.H.From(first), _config.RmsNormEpsilon, count);
        commands.Barrier();
    }

    /// <summary>Rows of h, which holds the final norm by now -> logits and candidates.</summary>
    private void RecordLogits(CommandRecorder commands, Pass pass, int first, int count)
    {
        commands.Label("logits");
        for (int row = 0; row < count; row++)
            RecordProduct(commands, _weights.Embedding, _activations.H.From(first + row), pass.Logits.From(row), 1);
        commands.Label("candidates");
        _kernels.Candidates.Record(
            commands, pass.Logits, _config.FinalSoftcap, pass.InverseTemperaturesAddress, _activations.Scratch, pass.CandidatesAddress, count);
    }

    /// <summary>h -> qkv, by the matrices that lie below one another.</summary>
    private void RecordQkv(CommandRecorder commands, IReadOnlyList<DeviceMatrix> matrices, int first, int count)
    {
        Activations a = _activations;
        int row = 0;
        for (int i = 0; i < matrices.Count; i++)
        {
            DeviceMatrix w = matrices[i];
            _kernels.Matrices.Record(commands, w, a.H.From(first), a.Qkv.From(first).Columns(row, w.Rows), count);
            row += w.Rows;
        }
        commands.Barrier();
    }

    private void RecordProduct(CommandRecorder commands, DeviceMatrix w, in Activation x, in Activation y, int count)
    {
        _kernels.Matrices.Record(commands, w, x, y, count);
        commands.Barrier();
    }
}
