using Gemma2.Backend.Model;

namespace Gemma2.Backend.Engine;

/// <summary>A sequence that ends with its prompt and gives the last token's logits.</summary>
internal sealed class LogitsSequence(int[] prompt) : Sequence(prompt)
{
    private readonly TaskCompletionSource<float[]> _logits = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>[vocabulary] logits after the softcap.</summary>
    public Task<float[]> Logits => _logits.Task;

    /// <inheritdoc/>
    public override double Temperature => 0;

    /// <inheritdoc/>
    public override void Complete(Exception? error)
    {
        if (error is not null) _logits.TrySetException(error);
    }

    /// <inheritdoc/>
    protected override int? Next(Pass pass, int row)
    {
        _logits.TrySetResult(pass.ReadLogits(row).ToArray());
        return null;
    }
}
