using Gemma2.Backend.Decoding;

namespace Gemma2.Backend.Tests.Sampling;

public sealed class SamplingOptionsTests
{
    public static TheoryData<string, SamplingOptions> Refused()
    {
        var refused = new TheoryData<string, SamplingOptions>();
        foreach (double wrong in new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, -2.001, 2.001 })
        {
            refused.Add("temperature", new() { Temperature = wrong });
            refused.Add("top_p", new() { TopP = wrong });
            refused.Add("min_p", new() { MinP = wrong });
            refused.Add("presence_penalty", new() { PresencePenalty = wrong });
            refused.Add("frequency_penalty", new() { FrequencyPenalty = wrong });
            if (wrong is not 2.001) refused.Add("repetition_penalty", new() { RepetitionPenalty = wrong });
            refused.Add("logit_bias", new() { LogitBias = new Dictionary<int, double> { [1] = 3, [7] = wrong * 50 } });
        }

        refused.Add("temperature", new() { Temperature = -0.001 });
        refused.Add("top_p", new() { TopP = 0 });
        refused.Add("top_k", new() { TopK = -1 });
        refused.Add("min_p", new() { MinP = -0.001 });
        refused.Add("repetition_penalty", new() { RepetitionPenalty = 0 });
        refused.Add("logprobs", new() { LogProbabilities = -1 });
        refused.Add("logprobs", new() { LogProbabilities = 21 });
        refused.Add("min_tokens", new() { MinTokens = -1 });
        refused.Add("logit_bias", new() { LogitBias = new Dictionary<int, double> { [-1] = 1 } });
        refused.Add("logit_bias", new() { LogitBias = new Dictionary<int, double> { [1000] = 1 } });
        return refused;
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public void Validate_ValueOutside_NamesTheFieldTheValueAndWhatIsAllowed(string field, SamplingOptions options)
    {
        InvalidRequestException error = Assert.Throws<InvalidRequestException>(() => options.Validate(1000));
        Assert.Equal(field, error.Parameter);
        Assert.Matches($"^{field} is .+; allowed is .+\\.$", error.Message);
    }

    [Fact]
    public void Validate_ValuesAtTheEnds_AreAllowed()
    {
        new SamplingOptions().Validate(1);
        new SamplingOptions
        {
            Temperature = 2,
            TopK = int.MaxValue,
            TopP = double.Epsilon,
            MinP = 1,
            PresencePenalty = -2,
            FrequencyPenalty = 2,
            RepetitionPenalty = double.Epsilon,
            LogitBias = new Dictionary<int, double> { [0] = -100, [999] = 100 },
            LogProbabilities = 20,
            MinTokens = int.MaxValue,
        }.Validate(1000);
    }

    [Fact]
    public void ForAnswer_Several_HaveSeedsOfTheirOwnAndTheFirstKeepsIts()
    {
        var options = new SamplingOptions { Seed = 5, TopK = 3 };
        Assert.Same(options, options.ForAnswer(0));
        Assert.Equal(options.ForAnswer(3), options.ForAnswer(3));
        Assert.Equal(3, options.ForAnswer(1).TopK);
        Assert.Equal(128, Enumerable.Range(0, 128).Select(index => options.ForAnswer(index).Seed).Distinct().Count());
        // Answers of neighbouring seeds are not each other's.
        Assert.Empty(Enumerable.Range(0, 128).Select(index => options.ForAnswer(index).Seed)
            .Intersect(Enumerable.Range(0, 128).Select(index => new SamplingOptions { Seed = 6 }.ForAnswer(index).Seed)));
    }
}
