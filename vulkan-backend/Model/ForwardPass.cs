using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Weights;

namespace Gemma2.Backend.Model;

/// <summary>
/// Gemma 2's arithmetic, recorded as straight-line code. Source: arXiv:2408.00118, section 2, and Google's reference implementation
/// (github.com/google/gemma_pytorch). Owned by one thread.
/// </summary>
internal sealed class ForwardPass : IDisposable
{
    /// <summary>Most tokens that one pass takes: prompts are cut into chunks of this many.</summary>
    public const int MaxTokens = 64;

    private readonly Gemma2Config _config;
    private readonly ModelWeights _weights;
    private readonly KernelSet _kernels;
    private readonly Activations _activations;
    private readonly GpuBuffer _angles;
    private readonly CommandRecorder _commands;

    public ForwardPass(GpuDevice device, Gemma2Config config, ModelWeights weights, int contextLength, TensorType cacheType)
    {
        _config = config;
        _weights = weights;
        AttentionShape shape = ShapeOf(config);
        _kernels = new KernelSet(device, shape, weights.Embedding.Type, cacheType);
        _activations = new Activations(device, config, shape, MaxTokens);
        _angles = CreateAngles(device, config, contextLength);
        _commands = device.CreateRecorder();
    }

    /// <summary>Attention's numbers for a model.</summary>
    public static AttentionShape ShapeOf(Gemma2Config config) => new()
    {
        Heads = config.HeadCount,
        KeyValueHeads = config.KeyValueHeadCount,
        HeadDimension = config.HeadDimension,
        Scale = 1 / Math.Sqrt(config.QueryPreAttentionScalar),
        Softcap = config.AttentionSoftcap,
    };

    /// <summary>Computes tokens that follow what the cache holds, and keeps their keys and values there.</summary>
    /// <param name="tokens">1 to <see cref="MaxTokens"/> ids below the vocabulary size.</param>
    /// <param name="position">Position of the first one.</param>
    /// <param name="cache">The sequence's keys and values up to there.</param>
    /// <param name="wantLogits">Whether the last token's logits are computed too.</param>
    /// <returns>[vocabulary] logits after the softcap, valid until the next call; empty when not wanted.</returns>
    public Span<float> Run(ReadOnlySpan<int> tokens, int position, KvCache cache, bool wantLogits)
    {
        tokens.CopyTo(_activations.TokenIds.Span<int>(0, tokens.Length));
        _commands.Begin();
        RecordLayers(cache, position, tokens.Length);
        if (wantLogits) RecordLogits(tokens.Length - 1);
        _commands.SubmitAndWait();
        return wantLogits ? _activations.Logits.Span<float>(0, _config.VocabularySize) : default;
    }

    public void Dispose()
    {
        _commands.Dispose();
        _angles.Dispose();
        _activations.Dispose();
        _kernels.Dispose();
    }

    private void RecordLayers(KvCache cache, int position, int count)
    {
        Activations a = _activations;
        _kernels.Embed.Record(_commands, a.TokenIds.Address, _weights.Embedding, a.X, count);
        _commands.Barrier();
        _kernels.RmsNorm.Record(_commands, a.X, _weights.Layers[0].InputNorm, a.H, _config.RmsNormEpsilon, count);
        _commands.Barrier();
        for (int layer = 0; layer < _config.LayerCount; layer++)
        {
            LayerWeights w = _weights.Layers[layer];
            bool isLast = layer == _config.LayerCount - 1;
            RecordAttention(w, cache.Layer(layer), Gemma2Config.IsSliding(layer) ? _config.SlidingWindow : null, position, count);
            RecordSeam(w.PostAttentionNorm, w.PreFeedForwardNorm, count);
            RecordFeedForward(w, count);
            RecordSeam(w.PostFeedForwardNorm, isLast ? _weights.FinalNorm : _weights.Layers[layer + 1].InputNorm, count);
        }
    }

    /// <summary>h -> output.</summary>
    private void RecordAttention(LayerWeights w, DeviceCache cache, int? window, int position, int count)
    {
        Activations a = _activations;
        RecordProduct(w.Qkv, a.H, a.Qkv, count);
        _kernels.RopeStore.Record(_commands, a.Qkv, _angles.Address, cache, position, count);
        _commands.Barrier();
        _kernels.Attention.Record(_commands, a.Qkv, cache, a.Attention, position, window, count);
        _commands.Barrier();
        RecordProduct(w.AttentionOutput, a.Attention, a.Output, count);
    }

    /// <summary>h -> output.</summary>
    private void RecordFeedForward(LayerWeights w, int count)
    {
        Activations a = _activations;
        RecordProduct(w.GateUp, a.H, a.GateUp, count);
        _kernels.Geglu.Record(_commands, a.GateUp, a.U, count);
        _commands.Barrier();
        RecordProduct(w.Down, a.U, a.Output, count);
    }

    /// <summary>x += norm(output), h = norm(x).</summary>
    private void RecordSeam(ulong postNorm, ulong preNorm, int count)
    {
        Activations a = _activations;
        _kernels.AddNorm.Record(_commands, a.Output, postNorm, a.X, preNorm, a.H, _config.RmsNormEpsilon, count);
        _commands.Barrier();
    }

    /// <summary>One row of h, which holds the final norm by now -> logits.</summary>
    private void RecordLogits(int row)
    {
        Activations a = _activations;
        RecordProduct(_weights.Embedding, a.H.From(row), a.RawLogits, 1);
        _kernels.Softcap.Record(_commands, a.RawLogits.Address, a.Logits.Address, _config.FinalSoftcap, _config.VocabularySize);
    }

    private void RecordProduct(in DeviceMatrix w, in Activation x, in Activation y, int count)
    {
        _kernels.Matrix(w.Type).Record(_commands, w, x, y, count);
        _commands.Barrier();
    }

    private static GpuBuffer CreateAngles(GpuDevice device, Gemma2Config config, int contextLength)
    {
        float[] table = RotaryTable.Create(contextLength, config.HeadDimension, config.RopeTheta);
        GpuBuffer buffer = device.Allocate((long)table.Length * sizeof(float), MemoryKind.Device, "rotary angles");
        using var uploader = new StagingUploader(device);
        uploader.Write(buffer, 0, System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(table));
        return buffer;
    }
}
