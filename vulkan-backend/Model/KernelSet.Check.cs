using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Kernels.Check;

namespace Gemma2.Backend.Model;

/// <content>The check of all kernels but those of matrices, which <see cref="FamilyCheck"/> tries, before a model is loaded.</content>
internal sealed partial class KernelSet
{
    private readonly List<string> _warnings = [];

    /// <summary>What is not as it should be, a line each.</summary>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>As <see cref="Check"/>, unless the same passed before on this device, by this driver and in this build.</summary>
    /// <param name="memory">Remembers what passed.</param>
    /// <param name="cancellationToken">Stops between two kernels.</param>
    /// <exception cref="DeviceException">A kernel without which there is no answer computes wrongly, or the device failed.</exception>
    public void CheckOnce(CheckMemory memory, CancellationToken cancellationToken = default)
    {
        string check = $"all but matrices; {device.Description.Name}; {device.Description.Driver}; {embeddingType}; {cacheType}; {PromptAttention}; {_shape}; {config.HiddenSize}; {config.VocabularySize}{(gatesApart ? "; geglu" : "")}";
        if (memory.HasPassed(check)) return;
        Check(trial =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            return trial.Run();
        });
        if (_warnings.Count == 0) memory.Remember(check);
    }

    /// <summary>Lets every kernel compute something known. Attention of prompts that is wrong, and was not asked for, gives way to the other one.</summary>
    /// <param name="run">Lets a kernel compute.</param>
    /// <exception cref="DeviceException">A kernel without which there is no answer computes wrongly, or the device failed.</exception>
    internal void Check(Func<KernelTrial, KernelVerdict> run)
    {
        KernelVerdict? FindFault(IEnumerable<KernelTrial> trials) => trials.Select(run).FirstOrDefault(verdict => !verdict.IsRight);

        if (FindFault(Trials()) is { } fault) throw Refusal(fault);
        if (Matrices.Options.Forced is not null || FindFault(PromptTrials()) is not { } wrong) return;
        _warnings.Add($"The {PromptAttention.Word()} kernel of attention is not used on {device.Description.Name}: {wrong}.");
        PromptAttention = PromptAttention == KernelFamily.Cpu ? KernelFamily.Tiled : KernelFamily.Cpu;
        Attention.Dispose();
        Attention = new AttentionKernel(device, _shape, cacheType, PromptAttention);
        if (FindFault(PromptTrials()) is { } other) throw Refusal(other);
    }

    /// <summary>Trials of all kernels of which there is one.</summary>
    public IEnumerable<KernelTrial> Trials()
    {
        yield return new EmbedTrial(device, Embed, EmbeddingLayout(device, config, embeddingType));
        yield return new NormTrial(device, RmsNorm, config.HiddenSize);
        yield return new AddNormTrial(device, AddNorm, config.HiddenSize);
        yield return new RopeStoreTrial(device, RopeStore, _shape, cacheType);
        yield return AttentionTrial(RowKind.Decoding, isSliding: false);
        yield return AttentionTrial(RowKind.Decoding, isSliding: true);
        yield return new CandidatesTrial(device, Candidates, config.VocabularySize);
        if (gatesApart) yield return new GegluTrial(device, Geglu, config.IntermediateSize);
    }

    /// <summary>Trials of attention of prompts.</summary>
    public IEnumerable<KernelTrial> PromptTrials()
    {
        yield return AttentionTrial(RowKind.Prompt, isSliding: false, $" {PromptAttention.Word()}");
        yield return AttentionTrial(RowKind.Prompt, isSliding: true, $" {PromptAttention.Word()}");
    }

    private AttentionTrial AttentionTrial(RowKind kind, bool isSliding, string variant = "") =>
        new(device, Attention, RopeStore, _shape, cacheType, kind, isSliding, variant);

    private DeviceException Refusal(KernelVerdict verdict) => new($"{device.Description.Name} cannot be used: on this driver, {verdict}.");
}
