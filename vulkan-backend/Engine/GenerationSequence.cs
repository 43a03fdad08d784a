using System.Threading.Channels;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Model;

namespace Gemma2.Backend.Engine;

/// <summary>A sequence that generates tokens and hands them to a reader.</summary>
/// <param name="prompt">At least one token.</param>
/// <param name="maxTokens">Most tokens to generate.</param>
/// <param name="decoding">How they are picked.</param>
/// <param name="sampler">Picks them from all logits; of the engine's thread.</param>
/// <param name="endTokens">Tokens that end the sequence.</param>
/// <param name="requestClass">Who goes first.</param>
/// <param name="drafter">Guesses how it goes on; null guesses nothing.</param>
/// <param name="promptTop">Tells the log-probabilities of the prompt's tokens, and of so many of the likeliest beside each; null tells none.</param>
/// <param name="counts">Told how good the guesses are.</param>
internal sealed class GenerationSequence(
    IReadOnlyList<int> prompt,
    int maxTokens,
    DecodingState decoding,
    Sampler sampler,
    IReadOnlyList<int> endTokens,
    RequestClass requestClass = RequestClass.Interactive,
    IDrafter? drafter = null,
    int? promptTop = null,
    DraftCounts? counts = null) : Sequence(prompt, requestClass, maxTokens)
{
    private readonly Channel<GeneratedToken> _output =
        Channel.CreateUnbounded<GeneratedToken>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private readonly DraftLength _draftLength = new();
    private readonly List<TokenChoice> _promptScores = [];

    /// <summary>The tokens as they come. Ends with the sequence, or throws why it failed.</summary>
    public ChannelReader<GeneratedToken> Output => _output.Reader;

    /// <inheritdoc/>
    public override double Temperature => decoding.Temperature;

    /// <inheritdoc/>
    public override ITokenMask? Mask => decoding.DeviceMask;

    /// <inheritdoc/>
    public override bool IsMasked => decoding.IsMasked;

    /// <inheritdoc/>
    public override bool ScoresPrompt => promptTop is not null && _promptScores.Count < PromptLength - 1;

    /// <inheritdoc/>
    public override void Restart()
    {
        base.Restart();
        if (ScoresPrompt) _promptScores.Clear();
    }

    /// <inheritdoc/>
    public override bool Take(IStepResults results, int first, int count)
    {
        while (count > 0 && ScoresPrompt)
        {
            Score(results, first++);
            count--;
        }
        if (count == 0) return true;
        int taken = 0;
        bool goesOn, wasGuessed;
        // A row counts as long as the tokens before it are those that it was computed with.
        do (goesOn, wasGuessed) = TakeOne(results, first + taken++);
        while (goesOn && wasGuessed && taken < count);
        CountDrafts(count - 1, taken - 1);
        return goesOn;
    }

    /// <inheritdoc/>
    protected override int Propose(Span<int> drafts) => drafter?.Propose(Tokens, drafts[..Math.Min(drafts.Length, _draftLength.Current)]) ?? 0;

    /// <inheritdoc/>
    protected override void Finish(Exception? error) => _output.Writer.TryComplete(error);

    /// <summary>Takes the logits after a token of the prompt: they tell of the next one.</summary>
    private void Score(IStepResults results, int row)
    {
        Candidates candidates = results.Candidates(row);
        _promptScores.Add(candidates.HasNotFinite
            ? throw new GenerationException($"The model computed logits that are not finite after token {_promptScores.Count} of the prompt.")
            : LogProbabilities.Of(candidates, promptTop!.Value));
    }

    private (bool GoesOn, bool WasGuessed) TakeOne(IStepResults results, int row)
    {
        TokenChoice? chosen = decoding.NeedsAllLogits ? null : decoding.Choose(results.Candidates(row));
        TokenChoice choice = chosen ?? decoding.Choose(results.ReadLogits(row), sampler);
        decoding.Accept(choice.Id);
        bool wasGuessed = Append(choice.Id);
        FinishReason? finish = IsEnd(choice.Id) ? FinishReason.Stop : IsFull ? FinishReason.Length : null;
        _output.Writer.TryWrite(new GeneratedToken(choice, finish, CachedTokens) { Prompt = Length == PromptLength + 1 && promptTop is not null ? _promptScores : null });
        return (finish is null, wasGuessed);
    }

    private void CountDrafts(int drafted, int accepted)
    {
        counts?.Add(drafted, accepted);
        if (drafted > 0) _draftLength.Checked(drafted, accepted);
        else _draftLength.Pass();
    }

    private bool IsEnd(int token)
    {
        for (int i = 0; i < endTokens.Count; i++)
            if (endTokens[i] == token) return true;
        return false;
    }
}
