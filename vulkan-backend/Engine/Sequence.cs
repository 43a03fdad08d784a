using Gemma2.Backend.Kernels;
using Gemma2.Backend.Model;

namespace Gemma2.Backend.Engine;

/// <summary>
/// One sequence on its way through the engine: a prompt, then perhaps tokens that follow from its logits.
/// All but <see cref="Abandon"/> is called by the engine's thread.
/// </summary>
internal abstract class Sequence(int[] prompt)
{
    private volatile bool _isAbandoned;
    private int _lastToken;

    /// <summary>True when nobody waits for the answer any more.</summary>
    public bool IsAbandoned => _isAbandoned;

    /// <summary>Number of its KV cache while the sequence is running.</summary>
    public int Cache { get; set; }

    /// <summary>Tokens handed to passes.</summary>
    public int Position { get; private set; }

    /// <summary>True until the whole prompt was handed to passes.</summary>
    public bool IsPrompting => Position < prompt.Length;

    /// <summary>The temperature at which its logits are used.</summary>
    public abstract double Temperature { get; }

    /// <summary>The next chunk of the prompt. Where prompts are cut depends on the prompt alone, never on the load.</summary>
    public ReadOnlySpan<int> TakeChunk()
    {
        ReadOnlySpan<int> chunk = prompt.AsSpan(Position, Math.Min(prompt.Length - Position, PassLimits.PromptRows));
        Position += chunk.Length;
        return chunk;
    }

    /// <summary>The token that was picked last, as a row of a decoding pass.</summary>
    public PassRow TakeRow() => new((uint)_lastToken, (uint)Position++, (uint)Cache);

    /// <summary>Takes the logits after the last token that was handed over.</summary>
    /// <param name="pass">A pass that is done.</param>
    /// <param name="row">Which of its logits are this sequence's.</param>
    /// <returns>False when the sequence has ended.</returns>
    /// <exception cref="GenerationException">They are of no use.</exception>
    public bool Advance(Pass pass, int row)
    {
        if (Next(pass, row) is not int token) return false;
        _lastToken = token;
        return true;
    }

    /// <summary>Says that nobody waits for the answer any more. From any thread.</summary>
    public void Abandon() => _isAbandoned = true;

    /// <summary>Ends the sequence for its reader.</summary>
    /// <param name="error">Why it failed; null when it ended well.</param>
    public abstract void Complete(Exception? error);

    /// <summary>The token that follows; null when the sequence has ended.</summary>
    protected abstract int? Next(Pass pass, int row);
}
