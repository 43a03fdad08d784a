using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Kernels.Matrix;

namespace Gemma2.Backend.Model;

/// <content>
/// Gemma 2's arithmetic, recorded as straight-line code. Source: arXiv:2408.00118, section 2, and Google's reference implementation
/// (github.com/google/gemma_pytorch).
/// </content>
internal sealed partial class ForwardPass
{
    /// <summary>Rows of a pass -> h, normed for the output matrix.</summary>
    private void RecordLayers(CommandRecorder commands, Pass pass, int count, bool isPrompt)
    {
        Activations a = _activations;
        commands.Label("embedding");
        _kernels.Embed.Record(commands, pass.RowsAddress, _weights.Embedding, a.X, count);
        commands.Barrier();
        commands.Label("first norm");
        _kernels.RmsNorm.Record(commands, a.X, _weights.Layers[0].InputNorm, a.H, _config.RmsNormEpsilon, count);
        commands.Barrier();
        for (int layer = 0; layer < _config.LayerCount; layer++)
        {
            LayerWeights w = _weights.Layers[layer];
            bool isLast = layer == _config.LayerCount - 1;
            RecordAttention(commands, pass, w, layer, count, isPrompt);
            commands.Label("attention norms", layer);
            RecordSeam(commands, w.PostAttentionNorm, w.PreFeedForwardNorm, count);
            RecordFeedForward(commands, w, layer, count);
            commands.Label("feed-forward norms", layer);
            RecordSeam(commands, w.PostFeedForwardNorm, isLast ? _weights.FinalNorm : _weights.Layers[layer + 1].InputNorm, count);
        }
    }

    /// <summary>h -> output.</summary>
    private void RecordAttention(CommandRecorder commands, Pass pass, LayerWeights w, int layer, int count, bool isPrompt)
    {
        Activations a = _activations;
        LayerCache cache = _cache.Layer(layer);
        commands.Label("qkv", layer);
        RecordQkv(commands, w.Qkv, count);
        commands.Label("rope and store", layer);
        _kernels.RopeStore.Record(commands, pass.RowsAddress, a.Qkv, _angles.Address, cache, count);
        commands.Barrier();
        commands.Label("attention", layer);
        _kernels.Attention.Record(commands, pass.RowsAddress, a.Qkv, cache, a.Attention, a.Scratch, _config.Layers[layer].Window, isPrompt, count);
        commands.Barrier();
        commands.Label("attention output", layer);
        RecordProduct(commands, w.AttentionOutput, a.Attention, a.Output, count);
    }

    /// <summary>h -> output.</summary>
    private void RecordFeedForward(CommandRecorder commands, LayerWeights w, int layer, int count)
    {
        Activations a = _activations;
        commands.Label("gate and up", layer);
        _kernels.Matrices.RecordGeglu(commands, w.Gate, w.Up, a.H, a.U, count);
        commands.Barrier();
        commands.Label("down", layer);
        RecordProduct(commands, w.Down, a.U, a.Output, count);
    }

    /// <summary>x += norm(output), h = norm(x).</summary>
    private void RecordSeam(CommandRecorder commands, ulong postNorm, ulong preNorm, int count)
    {
        Activations a = _activations;
        _kernels.AddNorm.Record(commands, a.Output, postNorm, a.X, preNorm, a.H, _config.RmsNormEpsilon, count);
        commands.Barrier();
    }

    /// <summary>Rows of h, which holds the final norm by now -> logits and candidates.</summary>
    private void RecordLogits(CommandRecorder commands, Pass pass, in Activation h, int count)
    {
        commands.Label("logits");
        RecordProduct(commands, _weights.Embedding, h, pass.Logits, count);
        commands.Label("candidates");
        _kernels.Candidates.Record(
            commands, pass.Logits, _config.FinalSoftcap, pass.WantedAddress, _activations.Scratch, pass.CandidatesAddress, count);
    }

    /// <summary>h -> qkv, by the matrices that lie below one another.</summary>
    private void RecordQkv(CommandRecorder commands, IReadOnlyList<DeviceMatrix> matrices, int count)
    {
        int row = 0;
        for (int i = 0; i < matrices.Count; i++)
        {
            _kernels.Matrices.Record(commands, matrices[i], _activations.H, _activations.Qkv.Columns(row, matrices[i].Rows), count);
            row += matrices[i].Rows;
        }
        commands.Barrier();
    }

    private void RecordProduct(CommandRecorder commands, DeviceMatrix w, in Activation x, in Activation y, int count)
    {
        _kernels.Matrices.Record(commands, w, x, y, count);
        commands.Barrier();
    }
}
