using Gemma2.Backend.Cache;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Model;

namespace Gemma2.Backend.Engine;

/// <summary>
/// One sequence on its way through the engine: a prompt, then perhaps tokens that follow from its logits. It waits, or runs in a slot; a running one may have to wait again and then goes on where
/// it was. All but <see cref="Abandon"/> is called by the engine's thread.
/// </summary>
/// <param name="prompt">At least one token.</param>
/// <param name="requestClass">Who goes first.</param>
/// <param name="room">Most tokens that follow the prompt.</param>
internal abstract class Sequence(IReadOnlyList<int> prompt, RequestClass requestClass, int room)
{
    private readonly int[] _tokens = [.. prompt, .. new int[room]];
    private volatile bool _isAbandoned;
    private int _reached;
    private WaitingRoom? _waitingRoom;
    private bool _isStarted;

    /// <summary>True when nobody waits for the answer any more.</summary>
    public bool IsAbandoned => _isAbandoned;

    /// <summary>Who goes first.</summary>
    public RequestClass Class => requestClass;

    /// <summary>The prompt and what followed it so far.</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Length);

    /// <summary>How many of them are the prompt's.</summary>
    public int PromptLength { get; } = prompt.Count;

    /// <summary>Tokens that are known.</summary>
    public int Length { get; private set; } = prompt.Count;

    /// <summary>Most tokens that it can have.</summary>
    public int MostTokens => _tokens.Length;

    /// <summary>Whether no token more may follow.</summary>
    public bool IsFull => Length == _tokens.Length;

    /// <summary>Tokens whose keys and values are in the cache, or are by the end of a step on its way.</summary>
    public int Computed { get; private set; }

    /// <summary>Tokens of the prompt that were found in the cache when the sequence came to them first.</summary>
    public int CachedTokens { get; private set; }

    /// <summary>Its place in line: lower numbers came earlier.</summary>
    public long Arrival { get; set; }

    /// <summary>When it had rows in a step last: higher numbers came later.</summary>
    public long Turn { get; set; } = -1;

    /// <summary>Number in the block tables while the sequence is running; null while it waits.</summary>
    public int? Slot { get; set; }

    /// <summary>Where its keys and values lie while it is running.</summary>
    public BlockTable? Blocks { get; set; }

    /// <summary>The kernels that compute the next row.</summary>
    public RowKind NextKind => Computed < PromptLength ? RowKind.Prompt : RowKind.Decoding;

    /// <summary>The temperature at which its logits are used.</summary>
    public abstract double Temperature { get; }

    /// <summary>Whether the logits after every token of the prompt are wanted, and have not all come yet.</summary>
    public virtual bool ScoresPrompt => false;

    /// <summary>Tokens that the device lets be picked next; null where all may be.</summary>
    public virtual ITokenMask? Mask => null;

    /// <summary>Whether it has a mask, so that <see cref="Mask"/> takes time.</summary>
    public virtual bool IsMasked => false;

    /// <summary>Guesses how the sequence goes on; the guesses stand behind its tokens until the next ones come.</summary>
    /// <param name="most">Most guesses.</param>
    /// <returns>How many there are.</returns>
    public int Draft(int most)
    {
        int room = Math.Min(most, MostTokens - Length - 1);
        return room > 0 ? Propose(_tokens.AsSpan(Length, room)) : 0;
    }

    /// <summary>Tokens from a position on, guesses behind the last one included.</summary>
    public ReadOnlySpan<int> Slice(int position, int count) => _tokens.AsSpan(position, count);

    /// <summary>Takes logits: those after the last token, and after each guess behind it.</summary>
    /// <param name="results">What came out of the step.</param>
    /// <param name="first">The first of its results that is this sequence's.</param>
    /// <param name="count">How many are.</param>
    /// <returns>False when the sequence has ended.</returns>
    /// <exception cref="GenerationException">They are of no use.</exception>
    public abstract bool Take(IStepResults results, int first, int count);

    /// <summary>The next step computes tokens up to a position.</summary>
    public void Compute(int end)
    {
        Computed = end;
        _reached = Math.Max(_reached, end);
    }

    /// <summary>Tokens up to a position were found in the cache.</summary>
    public void Find(int end)
    {
        CachedTokens += Math.Max(0, Math.Min(end, PromptLength) - Math.Max(_reached, Computed));
        Compute(end);
    }

    /// <summary>What was computed is gone: the sequence begins again, and comes to the same bytes.</summary>
    public virtual void Restart() => Computed = 0;

    /// <summary>Says that nobody waits for the answer any more. From any thread.</summary>
    public void Abandon() => _isAbandoned = true;

    /// <summary>The sequence is counted from here on. By whoever made it, before the engine sees it.</summary>
    /// <exception cref="BusyException">Too many wait already.</exception>
    public void EnterWaitingRoom(WaitingRoom waitingRoom)
    {
        waitingRoom.Enter(PromptLength);
        _waitingRoom = waitingRoom;
    }

    /// <summary>The sequence has got its turn, or ends without.</summary>
    public void Start()
    {
        if (_isStarted) return;
        _isStarted = true;
        _waitingRoom?.Start(PromptLength);
    }

    /// <summary>Ends the sequence for its reader.</summary>
    /// <param name="error">Why it failed; null when it ended well.</param>
    public void Complete(Exception? error)
    {
        Start();
        _waitingRoom?.Leave();
        _waitingRoom = null;
        Finish(error);
    }

    /// <summary>Tells the reader that the sequence has ended.</summary>
    /// <param name="error">Why it failed; null when it ended well.</param>
    protected abstract void Finish(Exception? error);

    /// <summary>Guesses how the sequence goes on.</summary>
    /// <param name="drafts">Room for the guesses.</param>
    /// <returns>How many there are.</returns>
    protected virtual int Propose(Span<int> drafts) => 0;

    /// <summary>Adds the token that follows.</summary>
    /// <returns>Whether it is what was guessed there.</returns>
    protected bool Append(int token)
    {
        bool wasGuessed = _tokens[Length] == token;
        _tokens[Length++] = token;
        return wasGuessed;
    }
}
