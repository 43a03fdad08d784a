namespace Gemma2.Backend.Decoding;

/// <summary>
/// What one sequence knows about its answer so far, and how its next token follows from logits. In this order: the logit bias is added; repetition, frequency and
/// presence penalty are applied; the mask forbids what is left to forbid; the logits are divided by the temperature; min-p, top-k and top-p cut the tail off, and
/// chance picks among the rest (vLLM's order). Log-probabilities that are told are those of the logits before all of it. The random number is that of the
/// token's place in the answer: a token follows from logits, options and the tokens before it, and from nothing else.
/// </summary>
internal sealed class DecodingState
{
    private readonly SamplingOptions _options;
    private readonly ITokenMask? _mask;
    private readonly ITokenAdjustment[] _adjustments;
    private readonly ITokenProcessor[] _processors;
    private readonly bool _mayRaise;

    /// <param name="options">Validated options.</param>
    /// <param name="prompt">The prompt's tokens.</param>
    /// <param name="endTokens">Tokens that end the answer.</param>
    /// <param name="vocabularySize">How many tokens there are.</param>
    /// <param name="mask">What the answer's form allows; null where any will do. It belongs to this state.</param>
    public DecodingState(
        SamplingOptions options, ReadOnlySpan<int> prompt, IReadOnlyList<int> endTokens, int vocabularySize, ITokenMask? mask = null)
    {
        _options = options;
        _mask = options.MinTokens > 0 && endTokens.Count > 0 ? Both(mask, new MinTokensMask(vocabularySize, endTokens, options.MinTokens), vocabularySize) : mask;
        _adjustments = [.. Adjustments(options, prompt)];
        _mayRaise = _adjustments.Any(adjustment => adjustment.MayRaise);
        _processors = _mask is null ? _adjustments : [.. _adjustments, new TokenMask(_mask, vocabularySize)];
    }

    /// <summary>Tokens of the answer so far.</summary>
    public int Count { get; private set; }

    /// <summary>The temperature at which the device sums up candidates.</summary>
    public double Temperature => _options.Temperature;

    /// <summary>Whether there is a mask at all.</summary>
    public bool IsMasked => _mask is not null;

    /// <summary>
    /// The mask that the device has to apply to the next token's logits, before it looks for candidates; null where it has none to apply.
    /// </summary>
    public ITokenMask? DeviceMask => NeedsAllLogits || _mask is null || _mask.Allowed.IsEmpty ? null : _mask;

    /// <summary>
    /// True where candidates are of no use: where a token that is none may become the likeliest, and where log-probabilities are told of logits that a mask changes.
    /// </summary>
    public bool NeedsAllLogits => _mayRaise || (_mask is not null && _options.LogProbabilities is not null && !_mask.Allowed.IsEmpty);

    /// <summary>Whether a token may come next as far as masks are concerned; what drafts have to ask before they propose it.</summary>
    public bool Allows(int token) => _mask is null || TokenBits.Contains(_mask.Allowed, token);

    /// <summary>Picks the next token from the row's candidates, found after <see cref="DeviceMask"/> was applied.</summary>
    /// <returns>Null when all logits are needed.</returns>
    /// <exception cref="GenerationException">The mask allows no token.</exception>
    public TokenChoice? Choose(in Candidates candidates)
    {
        if (NeedsAllLogits || candidates.HasNotFinite) return null;
        ReadOnlySpan<Candidate> highest = candidates.Highest;
        if (highest.IsEmpty) throw TokenMask.NoneAllowed(Count);
        if (Sample(candidates) is not int token) return null;
        return _options.LogProbabilities is int top
            ? LogProbabilities.Tell(token, LogitOf(token, highest), candidates.LogSum, highest[..Math.Min(top, highest.Length)])
            : new TokenChoice(token);
    }

    /// <summary>Picks the next token from all logits. It is the same token as the candidates give where they give one.</summary>
    /// <param name="logits">[vocabulary] logits after the softcap, with or without <see cref="DeviceMask"/> applied; overwritten.</param>
    /// <param name="sampler">The calling thread's sampler.</param>
    /// <exception cref="GenerationException">A logit is NaN or infinite, or the mask allows no token.</exception>
    public TokenChoice Choose(Span<float> logits, Sampler sampler)
    {
        ReadOnlySpan<float> own = logits;
        if (_processors.Length > 0)
        {
            // What the model computed is looked at before anything hides it.
            Sampler.Highest(logits);
            if (_options.LogProbabilities is not null) own = sampler.Keep(logits);
            foreach (ITokenProcessor processor in _processors) processor.Apply(logits);
        }

        int token = sampler.Sample(logits, _options, Count);
        return _options.LogProbabilities is int top ? LogProbabilities.Of(own, token, top) : new TokenChoice(token);
    }

    /// <summary>Takes in the next token of the answer, picked here or proposed by a draft.</summary>
    public void Accept(int token)
    {
        foreach (ITokenProcessor processor in _processors) processor.Accept(token);
        Count++;
    }

    /// <summary>Takes back the last accepted tokens: everything is as if they had never come.</summary>
    /// <param name="count">How many; at most <see cref="Count"/>.</param>
    public void Rewind(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count);
        foreach (ITokenProcessor processor in _processors) processor.Rewind(count);
        Count -= count;
    }

    private int? Sample(in Candidates candidates)
    {
        if (_adjustments.Length == 0) return Sampler.Sample(candidates, _options, Count);
        Span<Candidate> ranked = stackalloc Candidate[candidates.Highest.Length];
        Candidates adjusted = CandidateAdjustment.Apply(candidates, _adjustments, _options.Temperature, ranked);
        return adjusted.Highest.IsEmpty ? null : Sampler.Sample(adjusted, _options, Count);
    }

    private static List<ITokenAdjustment> Adjustments(SamplingOptions options, ReadOnlySpan<int> prompt)
    {
        var adjustments = new List<ITokenAdjustment>();
        if (options.LogitBias is { Count: > 0 } bias) adjustments.Add(new LogitBias(bias));
        if (options.RepetitionPenalty != 1) adjustments.Add(new RepetitionPenalty(options.RepetitionPenalty, prompt));
        if (options.FrequencyPenalty != 0 || options.PresencePenalty != 0)
            adjustments.Add(new FrequencyAndPresencePenalty(options.FrequencyPenalty, options.PresencePenalty));
        return adjustments;
    }

    private static ITokenMask Both(ITokenMask? mask, ITokenMask other, int vocabularySize) =>
        mask is null ? other : new MaskIntersection(mask, other, vocabularySize);

    private static float LogitOf(int token, ReadOnlySpan<Candidate> candidates)
    {
        int place = 0;
        while (candidates[place].Id != token) place++;
        return candidates[place].Logit;
    }
}
