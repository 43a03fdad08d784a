namespace Gemma2.Backend.Decoding;

/// <summary>How a token is picked from the logits.</summary>
public sealed record SamplingOptions
{
    /// <summary>Divides the logits; 0 means greedy (the highest logit, ties to the lower id). Allowed: 0 to 2.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Only the K highest logits stay; 0 keeps all.</summary>
    public int TopK { get; init; }

    /// <summary>Only the smallest set of tokens whose probabilities reach P stays. Allowed: above 0, at most 1.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Makes the choice repeatable: same prompt, options and seed give the same tokens.</summary>
    public ulong Seed { get; init; }

    /// <summary>Throws when a value is outside what is allowed.</summary>
    /// <exception cref="InvalidRequestException">Names the field, the value and what is allowed.</exception>
    public void Validate()
    {
        if (!(Temperature >= 0 && Temperature <= 2))
            throw new InvalidRequestException("temperature", $"temperature is {Temperature}; allowed is 0 to 2.");
        if (TopK < 0)
            throw new InvalidRequestException("top_k", $"top_k is {TopK}; allowed is 0 (off) or more.");
        if (!(TopP > 0 && TopP <= 1))
            throw new InvalidRequestException("top_p", $"top_p is {TopP}; allowed is above 0 and at most 1.");
    }
}
