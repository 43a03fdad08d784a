using System.Diagnostics;

namespace Gemma2.Service.Completions;

/// <summary>Answers as they grow, and what they took.</summary>
/// <param name="completion">What was asked.</param>
internal sealed class CompletionResult(Completion completion)
{
    private readonly Choice[] _answers =
        [.. Enumerable.Range(0, completion.AnswerCount).Select(_ => new Choice(completion.Request.Sampling.LogProbabilities is not null))];

    private readonly int[] _cached = new int[completion.Prompts.Count];
    private readonly long _start = Stopwatch.GetTimestamp();

    /// <summary>The answers that are given, each prompt's together; of more tries the best, best first.</summary>
    public IReadOnlyList<Choice> Choices => completion.Request.Tries == completion.Request.Answers
        ? _answers
        : [.. _answers.Chunk(completion.Request.Tries).SelectMany(tries => tries.OrderByDescending(answer => answer.MeanLogProbability).Take(completion.Request.Answers))];

    public int PromptTokens { get; } = completion.PromptTokens;

    /// <summary>New tokens of all answers, with the end token where the model gave one; those of answers that are not given too.</summary>
    public int CompletionTokens { get; private set; }

    /// <summary>Tokens of the prompts whose keys and values the engine had from earlier requests.</summary>
    public int CachedTokens => _cached.Sum();

    public TimeSpan TimeToFirstToken { get; private set; }

    /// <summary>Time from the start to the newest part, waiting for a turn included.</summary>
    public TimeSpan Total { get; private set; }

    public void Add(AnswerPart part)
    {
        Total = Stopwatch.GetElapsedTime(_start);
        if (CompletionTokens == 0 && part.NewTokens > 0)
            TimeToFirstToken = Total;
        CompletionTokens += part.NewTokens;
        (int prompt, int number) = Math.DivRem(part.Answer, completion.Request.Tries);
        // What the others find in the cache, the first has put there.
        if (number == 0 && (part.NewTokens > 0 || part.Finish is not null))
            _cached[prompt] = part.CachedTokens;
        _answers[part.Answer].Add(part);
    }
}
