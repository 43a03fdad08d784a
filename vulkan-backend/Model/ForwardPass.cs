using System.Runtime.InteropServices;
using Gemma2.Backend.Config;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Model;

/// <summary>
/// Runs passes over the model, of two kinds: a chunk of one sequence's prompt, or the next token of several sequences. Passes are handed to the device one behind
/// the other without waiting; whoever submits one waits for it before its <see cref="Pass"/> comes round again. Owned by one thread.
/// </summary>
internal sealed partial class ForwardPass : IDisposable
{
    /// <summary>Passes that may be on their way at a time: while one runs, the next is made ready.</summary>
    public const int MaxInFlight = 2;

    private readonly GpuDevice _device;
    private readonly Gemma2Config _config;
    private readonly ModelWeights _weights;
    private readonly KvCache _cache;
    private readonly KernelSet _kernels;
    private readonly Activations _activations;
    private readonly GpuBuffer _angles;
    private readonly (Pass Pass, CommandRecorder Commands)[] _prompts;
    private readonly CommandRecorder?[] _recordedDecoding = new CommandRecorder?[PassLimits.DecodingRows + 1];
    private readonly Func<CommandRecorder> _createRecorder;
    private int _promptCount;

    /// <param name="device">The device.</param>
    /// <param name="config">The model.</param>
    /// <param name="weights">Its weights on the device.</param>
    /// <param name="cache">Keys and values of all sequences.</param>
    /// <param name="contextLength">Longest sequence.</param>
    /// <param name="cacheType">How keys and values are kept.</param>
    /// <param name="matrices">The matrix kernels; the pass frees them.</param>
    /// <param name="timed">Whether every dispatch is timed.</param>
    public ForwardPass(
        GpuDevice device,
        Gemma2Config config,
        ModelWeights weights,
        KvCache cache,
        int contextLength,
        TensorType cacheType,
        MatrixKernels matrices,
        bool timed = false)
    {
        (_device, _config, _weights, _cache) = (device, config, weights, cache);
        AttentionShape shape = ShapeOf(config);
        _kernels = new KernelSet(device, shape, weights.Embedding.Layout, cacheType, config.VocabularySize, matrices);
        long scratchBytes = Math.Max(
            AttentionKernel.ScratchBytes(shape, PassLimits.PromptRows, PassLimits.DecodingRows),
            _kernels.Candidates.ScratchBytes(PassLimits.DecodingRows));
        _activations = new Activations(device, config, shape, PassLimits.PromptRows, scratchBytes);
        _angles = CreateAngles(device, config, contextLength);
        Decoding = new Pass(device, PassLimits.DecodingRows, PassLimits.DecodingRows, config.VocabularySize);
        _createRecorder = () => device.CreateRecorder(timed);
        _prompts = new (Pass, CommandRecorder)[MaxInFlight];
        for (int i = 0; i < MaxInFlight; i++)
            _prompts[i] = (new Pass(device, PassLimits.PromptRows, 1, config.VocabularySize), _createRecorder());
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

    /// <summary>Hands over a chunk of a prompt: tokens that follow what the sequence's cache holds. Their keys and values come to lie there.</summary>
    /// <param name="tokens">1 to <see cref="PassLimits.PromptRows"/> ids below the vocabulary size.</param>
    /// <param name="position">Position of the first one.</param>
    /// <param name="sequence">Number of the sequence's cache.</param>
    /// <param name="temperature">Temperature at which the last token's logits are used; null when they are not needed.</param>
    /// <returns>The pass; its row 0 holds the last token's logits.</returns>
    public Pass SubmitPrompt(ReadOnlySpan<int> tokens, int position, int sequence, double? temperature)
    {
        (Pass pass, CommandRecorder commands) = _prompts[_promptCount++ % MaxInFlight];
        Span<PassRow> rows = pass.Rows(tokens.Length);
        for (int i = 0; i < rows.Length; i++) rows[i] = new PassRow((uint)tokens[i], (uint)(position + i), (uint)sequence);
        if (temperature is double given) pass.SetTemperature(0, given);
        commands.Begin();
        pass.RecordInputs(commands);
        RecordLayers(commands, pass, tokens.Length, isPrompt: true);
        if (temperature is not null) RecordLogits(commands, pass, _activations.H.From(tokens.Length - 1), 1);
        commands.End();
        pass.Submit(commands);
        return pass;
    }

    /// <summary>Where the host writes the rows of the next <see cref="SubmitDecoding"/>: they belong to different sequences.</summary>
    public Pass Decoding { get; }

    /// <summary>
    /// Hands over the next token of several sequences, as written to <see cref="Decoding"/>. All that differs from pass to pass is in the rows, so that the
    /// commands for a number of rows are recorded once.
    /// </summary>
    /// <param name="count">1 to <see cref="PassLimits.DecodingRows"/> rows.</param>
    public void SubmitDecoding(int count) => Decoding.Submit(_recordedDecoding[count] ??= RecordDecoding(count));

    /// <summary>Makes every pipeline that any pass can need, and lets drivers compile those that they compile at the first dispatch. Computes nothing.</summary>
    /// <param name="promptRows">Most rows of a prompt's chunk that will come.</param>
    /// <param name="decodingRows">Most rows of a decoding pass that will come.</param>
    public void Compile(int promptRows, int decodingRows)
    {
        using CommandRecorder commands = _device.CreateRecorder(compilesOnly: true);
        commands.Begin();
        // Which kernels run follows from the number of rows.
        for (int count = 1; count <= Math.Min(promptRows, PassLimits.PromptRows); count++) RecordLayers(commands, _prompts[0].Pass, count, isPrompt: true);
        RecordLogits(commands, _prompts[0].Pass, _activations.H, 1);
        for (int count = 1; count <= Math.Min(decodingRows, PassLimits.DecodingRows); count++)
        {
            RecordLayers(commands, Decoding, count, isPrompt: false);
            RecordLogits(commands, Decoding, _activations.H, count);
        }
        commands.SubmitAndWait();
    }

    public void Dispose()
    {
        foreach ((Pass pass, CommandRecorder commands) in _prompts)
        {
            commands.Dispose();
            pass.Dispose();
        }
        foreach (CommandRecorder? commands in _recordedDecoding) commands?.Dispose();
        Decoding.Dispose();
        _angles.Dispose();
        _activations.Dispose();
        _kernels.Dispose();
    }

    private CommandRecorder RecordDecoding(int count)
    {
        CommandRecorder commands = _createRecorder();
        commands.Begin();
        Decoding.RecordInputs(commands);
        RecordLayers(commands, Decoding, count, isPrompt: false);
        RecordLogits(commands, Decoding, _activations.H, count);
        commands.End();
        return commands;
    }

    private static GpuBuffer CreateAngles(GpuDevice device, Gemma2Config config, int contextLength)
    {
        float[] table = RotaryTable.Create(contextLength, config.HeadDimension, config.RopeTheta);
        GpuBuffer buffer = device.Allocate((long)table.Length * sizeof(float), MemoryKind.Device, "rotary angles");
        using var uploader = new StagingUploader(device);
        uploader.Write(buffer, 0, MemoryMarshal.AsBytes<float>(table));
        return buffer;
    }
}
