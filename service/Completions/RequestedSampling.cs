using Gemma2.Backend.Decoding;

namespace Gemma2.Service.Completions;

/// <summary>What a request says of how tokens are picked, but for the seed: see <see cref="SamplingOptions"/>. What is null it does not say: then the model's makers do, or else OpenAI's defaults hold.</summary>
internal sealed record RequestedSampling
{
    private const double UsualTemperature = 1;

    public double? Temperature { get; init; }

    public int? TopK { get; init; }

    public double? TopP { get; init; }

    public double? MinP { get; init; }

    public double PresencePenalty { get; init; }

    public double FrequencyPenalty { get; init; }

    public double? RepetitionPenalty { get; init; }

    public IReadOnlyDictionary<int, double>? LogitBias { get; init; }

    public int? LogProbabilities { get; init; }

    public int MinTokens { get; init; }

    /// <summary>How tokens are picked by a model.</summary>
    /// <param name="defaults">What the model's makers say.</param>
    public SamplingOptions Over(SamplingDefaults defaults) => new()
    {
        Temperature = Temperature ?? defaults.Temperature ?? UsualTemperature,
        TopK = TopK ?? defaults.TopK ?? 0,
        TopP = TopP ?? defaults.TopP ?? 1,
        MinP = MinP ?? defaults.MinP ?? 0,
        PresencePenalty = PresencePenalty,
        FrequencyPenalty = FrequencyPenalty,
        RepetitionPenalty = RepetitionPenalty ?? defaults.RepetitionPenalty ?? 1,
        LogitBias = LogitBias,
        LogProbabilities = LogProbabilities,
        MinTokens = MinTokens,
    };

    /// <summary>Throws when the request itself says what is not allowed.</summary>
    /// <exception cref="Backend.InvalidRequestException">Names the field, the value and what is allowed.</exception>
    public void Validate() => Over(SamplingDefaults.None).Validate();
}
