using Gemma2.Backend.Kernels.Sampling;
using Gemma2.Backend.Model;

namespace Gemma2.Backend.Engine;

/// <summary>A sequence that ends with its prompt and gives the last token's logits.</summary>
internal sealed class LogitsSequence(IReadOnlyList<int> prompt) : Sequence(prompt, RequestClass.Interactive, room: 0)
{
    private readonly TaskCompletionSource<float[]> _logits = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>[vocabulary] logits after the softcap.</summary>
    public Task<float[]> Logits => _logits.Task;

    /// <inheritdoc/>
    public override double Temperature => ResultRow.AllLogits;

    /// <inheritdoc/>
    protected override void Finish(Exception? error)
    {
        if (error is not null) _logits.TrySetException(error);
    }

    /// <inheritdoc/>
    public override bool Take(IStepResults results, int first, int count)
    {
        _logits.TrySetResult(results.ReadLogits(first).ToArray());
        return false;
    }
}
