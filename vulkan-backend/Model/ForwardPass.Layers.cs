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
    /// <summary>Rows of a step -> h, normed for the output matrix.</summary>
    private void RecordLayers(CommandRecorder commands, StepInputs inputs, ReadOnlySpan<StepSegment> prompts, RowCounts rows)
    {
        Activations a = _activations;
        int count = rows.Total;
        commands.Label("embedding");
        _kernels.Embed.Record(commands, inputs.Rows, _weights.Embedding, a.X, count);
        commands.Barrier();
        commands.Label("first norm");
        _kernels.RmsNorm.Record(commands, a.X, _weights.Layers[0].InputNorm, a.H, _config.RmsNormEpsilon, count);
        commands.Barrier();
        for (int layer = 0; layer < _config.LayerCount; layer++)
        {
            LayerWeights w = _weights.Layers[layer];
            bool isLast = layer == _config.LayerCount - 1;
            RecordAttention(commands, inputs, w, layer, prompts, rows);
            commands.Label("attention norms", layer);
            RecordSeam(commands, w.PostAttentionNorm, w.PreFeedForwardNorm, count);
            RecordFeedForward(commands, w, layer, rows);
            commands.Label("feed-forward norms", layer);
            RecordSeam(commands, w.PostFeedForwardNorm, isLast ? _weights.FinalNorm : _weights.Layers[layer + 1].InputNorm, count);
        }
    }

    /// <summary>h -> output.</summary>
    private void RecordAttention(CommandRecorder commands, StepInputs inputs, LayerWeights w, int layer, ReadOnlySpan<StepSegment> prompts, RowCounts rows)
    {
        Activations a = _activations;
        int group = _cache.Groups.GroupOf(layer);
        var cache = new LayerCache(inputs.Table(group), inputs.TableStride, _cache.OffsetOf(layer));
        commands.Label("qkv", layer);
        RecordQkv(commands, w.Qkv, rows);
        commands.Label("rope and store", layer);
        _kernels.RopeStore.Record(commands, inputs.Rows, a.Qkv, _angles.Address, cache, rows.Total);
        commands.Barrier();
        commands.Label("attention", layer);
        RecordScores(commands, inputs, cache, _cache.Groups.Windows[group], prompts, rows);
        commands.Barrier();
        commands.Label("attention output", layer);
        RecordProduct(commands, w.AttentionOutput, a.Attention, a.Output, rows);
    }

    /// <summary>qkv -> attention: each prompt's rows by themselves, and those that decode.</summary>
    private void RecordScores(CommandRecorder commands, StepInputs inputs, LayerCache cache, int? window, ReadOnlySpan<StepSegment> prompts, RowCounts rows)
    {
        Activations a = _activations;
        ulong scratch = a.Scratch;
        int row = 0;
        foreach (StepSegment prompt in prompts)
        {
            Record(prompt.Count, isPrompt: true);
            scratch += (ulong)AttentionKernel.PromptScratchBytes(_shape, prompt.Count);
            row += prompt.Count;
        }
        if (rows.Decoding > 0) Record(rows.Decoding, isPrompt: false);

        void Record(int count, bool isPrompt) => _kernels.Attention.Record(
            commands, inputs.Rows + ((ulong)row * StepRow.Bytes), a.Qkv.From(row), cache, a.Attention.From(row), scratch, window, isPrompt, count);
    }

    /// <summary>h -> output.</summary>
    private void RecordFeedForward(CommandRecorder commands, LayerWeights w, int layer, RowCounts rows)
    {
        Activations a = _activations;
        commands.Label("gate and up", layer);
        RecordGates(commands, w, rows);
        commands.Barrier();
        commands.Label("down", layer);
        RecordProduct(commands, w.Down, a.U, a.Output, rows);
    }

    /// <summary>h -> u: gelu(gate) * up.</summary>
    private void RecordGates(CommandRecorder commands, LayerWeights w, RowCounts rows)
    {
        Activations a = _activations;
        if (w.HasGatesTogether)
        {
            _kernels.Matrices.RecordGeglu(commands, w.Gate, w.Up, a.H, a.U, rows);
            return;
        }
        _kernels.Matrices.Record(commands, w.Gate, a.H, a.Gate, rows);
        _kernels.Matrices.Record(commands, w.Up, a.H, a.U, rows);
        commands.Barrier();
        _kernels.Geglu.Record(commands, a.Gate, a.U, rows.Total);
    }

    /// <summary>x += norm(output), h = norm(x).</summary>
    private void RecordSeam(CommandRecorder commands, ulong postNorm, ulong preNorm, int count)
    {
        Activations a = _activations;
        _kernels.AddNorm.Record(commands, a.Output, postNorm, a.X, preNorm, a.H, _config.RmsNormEpsilon, count);
        commands.Barrier();
    }

    /// <summary>The wanted rows of h, one behind the other: where they lie, if they do, else copied together.</summary>
    private Activation RecordGather(CommandRecorder commands, ReadOnlySpan<WantedRow> wanted)
    {
        Activations a = _activations;
        if (wanted[^1].Row - wanted[0].Row == wanted.Length - 1) return a.H.From(wanted[0].Row);
        for (int i = 0; i < wanted.Length; i++) a.Gather(commands, wanted[i].Row, i);
        commands.Barrier();
        return a.Gathered;
    }

    /// <summary>Rows of h, which holds the final norm by now -> logits and candidates.</summary>
    private void RecordLogits(CommandRecorder commands, StepInputs inputs, in Activation h, int count)
    {
        commands.Label("logits");
        // Whatever the rows: the logits of a prompt's last token are those of a token that decodes.
        RecordProduct(commands, _weights.Output, h, _results.Logits, RowCounts.Of(RowKind.Decoding, count));
        commands.Label("candidates");
        _kernels.Candidates.Record(
            commands, _results.Logits, _config.FinalSoftcap, inputs.Results, _activations.Scratch, _results.CandidateRows, count, _tokens?.Address ?? 0);
    }

    /// <summary>h -> qkv, by the matrices that lie below one another.</summary>
    private void RecordQkv(CommandRecorder commands, IReadOnlyList<DeviceMatrix> matrices, RowCounts rows)
    {
        int first = 0;
        for (int i = 0; i < matrices.Count; i++)
        {
            _kernels.Matrices.Record(commands, matrices[i], _activations.H, _activations.Qkv.Columns(first, matrices[i].Rows), rows);
            first += matrices[i].Rows;
        }
        commands.Barrier();
    }

    private void RecordProduct(CommandRecorder commands, DeviceMatrix w, in Activation x, in Activation y, RowCounts rows)
    {
        _kernels.Matrices.Record(commands, w, x, y, rows);
        commands.Barrier();
    }
}
