using Gemma2.Backend.Model;

namespace Gemma2.Backend.Serving;

/// <summary>
/// One sequence on its way through the engine: a prompt, then perhaps tokens that follow from its logits.
/// All but <see cref="Abandon"/> is called by the engine's thread.
/// </summary>
internal abstract class Sequence(int[] prompt)
{
    private volatile bool _isAbandoned;

    /// <summary>Tokens not yet in the cache: what is left of the prompt, or the one token picked last.</summary>
    private ReadOnlyMemory<int> _pending = prompt;

    /// <summary>True when nobody waits for the answer any more.</summary>
    public bool IsAbandoned => _isAbandoned;

    /// <summary>Keys and values; set while the sequence is running.</summary>
    public KvCache? Cache { get; set; }

    /// <summary>Tokens in the cache.</summary>
    public int Position { get; private set; }

    /// <summary>The tokens of the next pass. Where prompts are cut depends on the prompt alone, never on the load.</summary>
    public ReadOnlySpan<int> NextTokens => _pending.Span[..Math.Min(_pending.Length, ForwardPass.MaxTokens)];

    /// <summary>True when the next pass reaches the last known token, so that its logits are needed.</summary>
    public bool NextPassNeedsLogits => _pending.Length <= ForwardPass.MaxTokens;

    /// <summary>Takes note of a pass over <see cref="NextTokens"/>.</summary>
    /// <param name="logits">The last token's logits; empty when they were not needed. May be overwritten.</param>
    /// <returns>False when the sequence has ended.</returns>
    public bool Advance(Span<float> logits)
    {
        int count = NextTokens.Length;
        Position += count;
        _pending = _pending[count..];
        if (!_pending.IsEmpty) return true;
        if (TakeLogits(logits) is not ReadOnlyMemory<int> next) return false;
        _pending = next;
        return true;
    }

    /// <summary>Says that nobody waits for the answer any more. From any thread.</summary>
    public void Abandon() => _isAbandoned = true;

    /// <summary>Ends the sequence for its reader.</summary>
    /// <param name="error">Why it failed; null when it ended well.</param>
    public abstract void Complete(Exception? error);

    /// <summary>Uses the logits after all known tokens.</summary>
    /// <returns>The token that follows; null when the sequence has ended.</returns>
    protected abstract ReadOnlyMemory<int>? TakeLogits(Span<float> logits);
}
