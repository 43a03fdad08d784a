namespace Gemma2.Backend.Decoding;

/// <summary>How a token is picked from the logits. <see cref="DecodingState"/> says in which order the options act.</summary>
public sealed record SamplingOptions
{
    /// <summary>Most of the likeliest tokens whose log-probabilities are told.</summary>
    public const int MaxLogProbabilities = 20;

    private static readonly Dictionary<int, double> EmptyBias = [];

    /// <summary>Divides the logits; 0 means greedy (the highest logit, ties to the lower id). Allowed: 0 to 2.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Only the K highest logits stay; 0 keeps all.</summary>
    public int TopK { get; init; }

    /// <summary>Only the smallest set of tokens whose probabilities reach P stays. Allowed: above 0, at most 1.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Only tokens at least P times as probable as the most probable one stay; 0 keeps all. Allowed: 0 to 1.</summary>
    public double MinP { get; init; }

    /// <summary>Taken once off the logit of every token that was generated already. Allowed: -2 to 2.</summary>
    public double PresencePenalty { get; init; }

    /// <summary>Taken off a token's logit for every time that it was generated already. Allowed: -2 to 2.</summary>
    public double FrequencyPenalty { get; init; }

    /// <summary>Divides the logit of every token of the prompt and the answer where it is above 0, multiplies it elsewhere. Allowed: finite, above 0; 1 is off.</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Added to tokens' logits, by id; null adds nothing. Allowed: -100 to 100 each.</summary>
    public IReadOnlyDictionary<int, double>? LogitBias { get; init; }

    /// <summary>
    /// Tells the log-probability of every token that is picked, and of this many of the likeliest beside it; null tells none. They are the model's own: softmax
    /// of the logits after the softcap, at temperature 1 and without penalties, bias and masks. Allowed: 0 to <see cref="MaxLogProbabilities"/>.
    /// </summary>
    public int? LogProbabilities { get; init; }

    /// <summary>The answer has at least this many tokens: end tokens are not picked before.</summary>
    public int MinTokens { get; init; }

    /// <summary>Makes the choice repeatable: same prompt, options and seed give the same tokens.</summary>
    public ulong Seed { get; init; }

    /// <summary>Throws when a value is outside what is allowed.</summary>
    /// <exception cref="InvalidRequestException">Names the field, the value and what is allowed.</exception>
    public void Validate()
    {
        Require(Temperature is >= 0 and <= 2, "temperature", Temperature, "0 to 2");
        Require(TopK >= 0, "top_k", TopK, "0 (off) or more");
        Require(TopP is > 0 and <= 1, "top_p", TopP, "above 0 and at most 1");
        Require(MinP is >= 0 and <= 1, "min_p", MinP, "0 (off) to 1");
        Require(PresencePenalty is >= -2 and <= 2, "presence_penalty", PresencePenalty, "-2 to 2");
        Require(FrequencyPenalty is >= -2 and <= 2, "frequency_penalty", FrequencyPenalty, "-2 to 2");
        Require(RepetitionPenalty > 0 && double.IsFinite(RepetitionPenalty), "repetition_penalty", RepetitionPenalty, "a finite number above 0");
        Require(LogProbabilities is null or (>= 0 and <= MaxLogProbabilities), "logprobs", LogProbabilities, $"0 to {MaxLogProbabilities}");
        Require(MinTokens >= 0, "min_tokens", MinTokens, "0 or more");
        foreach ((int token, double bias) in LogitBias ?? EmptyBias)
            Require(bias is >= -100 and <= 100, "logit_bias", $"{bias} for token {token}", "-100 to 100");
    }

    /// <summary>Throws when a value is outside what is allowed, or a token that is named is not in the vocabulary.</summary>
    /// <inheritdoc cref="Validate()" path="/exception"/>
    public void Validate(int vocabularySize)
    {
        Validate();
        foreach (int token in (LogitBias ?? EmptyBias).Keys)
            Require(token >= 0 && token < vocabularySize, "logit_bias", $"for token {token}", $"tokens 0 to {vocabularySize - 1}");
    }

    /// <summary>The same for one of several answers to a prompt: the first has this seed, each other one its own that follows from it.</summary>
    /// <param name="index">Number of the answer, from 0.</param>
    public SamplingOptions ForAnswer(int index) => index == 0 ? this : this with { Seed = SplitMix64.At(Seed, (ulong)index) };

    private static void Require(bool allowed, string field, object? value, string what)
    {
        if (!allowed) throw new InvalidRequestException(field, $"{field} is {value}; allowed is {what}.");
    }
}
