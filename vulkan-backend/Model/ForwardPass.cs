using System.Runtime.InteropServices;
using Gemma2.Backend.Config;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Attention;

namespace Gemma2.Backend.Model;

/// <summary>
/// Computes steps over the model: each takes rows of several sequences, chunks of prompts and last tokens side by side, once through the weights. Steps are handed to the device one behind the
/// other without waiting; whoever submits one waits for it before its <see cref="StepInFlight"/> comes round again. Owned by one thread.
/// </summary>
internal sealed partial class ForwardPass : IDisposable
{
    /// <summary>Steps that may be on their way at a time: while one runs, the next is made ready.</summary>
    public const int MaxInFlight = 2;

    private readonly GpuDevice _device;
    private readonly Gemma2Config _config;
    private readonly ModelWeights _weights;
    private readonly KvCache _cache;
    private readonly AttentionShape _shape;
    private readonly KernelSet _kernels;
    private readonly Activations _activations;
    private readonly GpuBuffer _angles;
    private readonly GpuBuffer? _tokens;
    private readonly StepResults _results;
    private readonly StepInFlight[] _steps;
    private readonly Action<CommandRecorder, StepInFlight, StepPlan> _record;
    private int _submitted;

    /// <param name="device">The device.</param>
    /// <param name="config">The model.</param>
    /// <param name="weights">Its weights on the device.</param>
    /// <param name="cache">Keys and values of all sequences.</param>
    /// <param name="slots">Sequences that run at once.</param>
    /// <param name="contextLength">Longest sequence.</param>
    /// <param name="kernels">The kernels; the forward pass frees them.</param>
    /// <param name="timed">Whether every dispatch is timed.</param>
    public ForwardPass(
        GpuDevice device,
        Gemma2Config config,
        ModelWeights weights,
        KvCache cache,
        int slots,
        int contextLength,
        KernelSet kernels,
        bool timed = false)
    {
        (_device, _config, _weights, _cache, _kernels) = (device, config, weights, cache, kernels);
        _shape = ShapeOf(config);
        _activations = new Activations(device, config, _shape, weights.Layers.Any(layer => !layer.HasGatesTogether), ScratchBytes());
        _angles = CreateAngles(device, config, contextLength);
        _tokens = config.SpareTokens.IsEmpty ? null : CreateTokens(device, config);
        _results = new StepResults(device, config.VocabularySize);
        _steps = [.. Enumerable.Range(0, MaxInFlight).Select(_ => new StepInFlight(new StepInputs(device, cache, slots, contextLength, config.VocabularySize), () => device.CreateRecorder(timed)))];
        _record = RecordStep;
    }

    /// <summary>What came out of the last step whose logits were wanted; to be looked at when that is done.</summary>
    public IStepResults Results => _results;

    /// <summary>Attention's numbers for a model.</summary>
    public static AttentionShape ShapeOf(Gemma2Config config) => new()
    {
        Heads = config.HeadCount,
        KeyValueHeads = config.KeyValueHeadCount,
        HeadDimension = config.HeadDimension,
        Scale = 1 / Math.Sqrt(config.QueryPreAttentionScalar),
        Softcap = config.AttentionSoftcap,
    };

    /// <summary>Hands over a step. Keys and values of its rows come to lie in the cache.</summary>
    /// <param name="plan">Within <see cref="StepLimits"/>; tokens below the vocabulary size, positions below the context length.</param>
    /// <returns>The step, to be waited for.</returns>
    public StepInFlight Submit(StepPlan plan)
    {
        StepInFlight step = _steps[_submitted++ % MaxInFlight];
        step.Submit(plan, _record);
        if (plan.Wanted > 0) _results.Expect(step.Inputs.ResultRows);
        return step;
    }

    /// <summary>Makes every pipeline that any step can need, and lets drivers compile those that they compile at the first dispatch. Computes nothing.</summary>
    /// <param name="promptRows">Most rows of a prompt's chunk that will come.</param>
    /// <param name="cancellationToken">Stops between two pipelines.</param>
    public void Compile(int promptRows, CancellationToken cancellationToken)
    {
        var pipelines = new HashSet<ComputePipeline>();
        using (CommandRecorder commands = _device.CreateRecorder(collected: pipelines))
        {
            StepInputs inputs = _steps[0].Inputs;
            // Which kernels run follows from the number of rows.
            for (int count = 1; count <= Math.Min(promptRows, StepLimits.PromptRows); count++)
                RecordLayers(commands, inputs, [new StepSegment(0, RowKind.Prompt, 0, count, 0, 0)], new RowCounts(count, 0));
            for (int count = 1; count <= StepLimits.DecodingRows; count++) RecordLayers(commands, inputs, [], new RowCounts(0, count));
            for (int count = 1; count <= StepLimits.Results; count++) RecordLogits(commands, inputs, _activations.H, count);
        }
        PipelineCompiler.Compile(_device, pipelines, cancellationToken);
    }

    public void Dispose()
    {
        foreach (StepInFlight step in _steps) step.Dispose();
        _results.Dispose();
        _angles.Dispose();
        _tokens?.Dispose();
        _activations.Dispose();
        _kernels.Dispose();
    }

    private void RecordStep(CommandRecorder commands, StepInFlight step, StepPlan plan)
    {
        RecordLayers(commands, step.Inputs, plan.Prompts, plan.Rows);
        if (plan.Wanted > 0) RecordLogits(commands, step.Inputs, RecordGather(commands, step.Inputs.Wanted), plan.Wanted);
    }

    /// <summary>Attention of all prompts of a step and of its rows that decode run side by side; candidates come later.</summary>
    private long ScratchBytes() => Math.Max(
        AttentionKernel.PromptScratchBytes(_shape, StepLimits.PromptRows) + (StepLimits.Prompts * AttentionKernel.PromptScratchBytes(_shape, 1))
            + AttentionKernel.DecodingScratchBytes(_shape, StepLimits.DecodingRows),
        _kernels.Candidates.ScratchBytes(StepLimits.Results));

    private static GpuBuffer CreateAngles(GpuDevice device, Gemma2Config config, int contextLength) =>
        CreateTable<float>(device, RotaryTable.Create(contextLength, config.HeadDimension, config.RopeTheta), "rotary angles");

    private static GpuBuffer CreateTokens(GpuDevice device, Gemma2Config config)
    {
        uint[] tokens = TokenBits.All(config.VocabularySize);
        foreach (int spare in config.SpareTokens) TokenBits.Remove(tokens, spare);
        return CreateTable<uint>(device, tokens, "tokens");
    }

    private static GpuBuffer CreateTable<T>(GpuDevice device, ReadOnlySpan<T> table, string name) where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(table);
        GpuBuffer buffer = device.Allocate(bytes.Length, MemoryKind.Device, name);
        using var uploader = new StagingUploader(device);
        uploader.Write(buffer, 0, bytes);
        return buffer;
    }
}
