using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>Log-probabilities of a prompt's tokens.</summary>
public sealed class PromptScoreTests : EngineTest
{
    private static readonly int[] _prompt = [2, .. Enumerable.Range(0, 90).Select(i => 8 + (i * 29 % 400))];

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public async Task Generate_PromptLogProbabilities_AreThoseOfEachTokenAfterTheOnesBeforeIt(int top)
    {
        await using InferenceEngine engine = await LoadGoldenAsync("a-base", maxSequences: 3);
        // What is cached must not be left out.
        Task<List<int>> beside = GenerateAsync(engine, new GenerationRequest { PromptTokens = _prompt, MaxTokens = 20, IgnoreEndTokens = true });

        IReadOnlyList<TokenChoice> scores = await ScoreAsync(engine, new GenerationRequest { PromptTokens = _prompt, MaxTokens = 2, PromptLogProbabilities = top });

        await beside;
        Assert.Equal(_prompt[1..], scores.Select(score => score.Id));
        foreach (int i in new[] { 0, 1, 31, 32, 38, 39, 40, 41, 63, 64, 89 })
        {
            float[] logits = await engine.ComputeLogitsAsync(_prompt[..(i + 1)], Cancellation);
            double sum = logits.Sum(logit => Math.Exp((double)logit - logits.Max()));
            double Expected(int token) => logits[token] - logits.Max() - Math.Log(sum);
            Assert.Equal(Expected(_prompt[i + 1]), scores[i].LogProbability!.Value, 1e-4);
            Assert.Equal(top, scores[i].Top.Count);
            Assert.Equal(Enumerable.Range(0, logits.Length).OrderByDescending(token => logits[token]).Take(top), scores[i].Top.Select(other => other.Id));
            Assert.All(scores[i].Top, other => Assert.Equal(Expected(other.Id), other.LogProbability, 1e-4));
        }
    }

    [Fact]
    public async Task Generate_PromptLogProbabilities_ChangeNothingElse()
    {
        await using InferenceEngine engine = await LoadGoldenAsync("a-base");
        var request = new GenerationRequest { PromptTokens = _prompt, MaxTokens = 10, IgnoreEndTokens = true, Sampling = new SamplingOptions { Temperature = 1, Seed = 4 } };

        List<int> with = await GenerateAsync(engine, request with { PromptLogProbabilities = 1 });

        Assert.Equal(await GenerateAsync(engine, request), with);
    }

    [Fact]
    public async Task Generate_PromptOfOneToken_HasNothingToTell()
    {
        await using InferenceEngine engine = await LoadGoldenAsync("a-base");
        Assert.Empty(await ScoreAsync(engine, new GenerationRequest { PromptTokens = [2], MaxTokens = 1, PromptLogProbabilities = 3 }));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(21)]
    public async Task Generate_TooManyPromptLogProbabilities_AreRefused(int top)
    {
        await using InferenceEngine engine = await LoadGoldenAsync("a-base");
        var error = Assert.Throws<InvalidRequestException>(() => engine.GenerateAsync(new GenerationRequest { PromptTokens = [2], PromptLogProbabilities = top }, Cancellation));
        Assert.Equal($"logprobs is {top}; allowed is 0 to 20.", error.Message);
    }

    private static async Task<IReadOnlyList<TokenChoice>> ScoreAsync(InferenceEngine engine, GenerationRequest request)
    {
        var tokens = new List<GeneratedToken>();
        await foreach (GeneratedToken token in engine.GenerateAsync(request, Cancellation)) tokens.Add(token);
        Assert.All(tokens.Skip(1), token => Assert.Null(token.Prompt));
        return tokens[0].Prompt!;
    }
}
