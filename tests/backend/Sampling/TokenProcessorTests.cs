using CsCheck;
using Gemma2.Backend.Decoding;

namespace Gemma2.Backend.Tests.Sampling;

public sealed class TokenProcessorTests
{
    private const int Vocabulary = 40;

    private static readonly (string Name, Func<ITokenProcessor> Make)[] Processors =
    [
        ("repetition", () => new RepetitionPenalty(1.3, [1, 2, 3, 3])),
        ("frequency and presence", () => new FrequencyAndPresencePenalty(0.7, -0.4)),
        ("bias", () => new LogitBias(new Dictionary<int, double> { [3] = 100, [39] = -100 })),
        ("fixed mask", () => new TokenMask(new FixedTokenMask(Vocabulary, [0, 31, 32, 39]), Vocabulary)),
        ("minimum", () => new TokenMask(new MinTokensMask(Vocabulary, [1, 33], 4), Vocabulary)),
        ("both masks", () => new TokenMask(
            new MaskIntersection(new FixedTokenMask(Vocabulary, [1, 2, 33]), new MinTokensMask(Vocabulary, [1, 33], 4), Vocabulary), Vocabulary)),
    ];

    [Fact]
    public void AcceptAndRewind_AnyOrder_AreExactInverses() =>
        Gen.Select(Gen.Int[0, Processors.Length - 1], Gen.Int[-6, Vocabulary - 1].Array[0, 30]).Sample((which, steps) =>
        {
            // A number below 0 takes back that many tokens, others accept one.
            ITokenProcessor used = Processors[which].Make(), fresh = Processors[which].Make();
            var tokens = new List<int>();
            foreach (int step in steps)
            {
                if (step >= 0)
                {
                    used.Accept(step);
                    tokens.Add(step);
                }
                else
                {
                    int count = Math.Min(-step, tokens.Count);
                    used.Rewind(count);
                    tokens.RemoveRange(tokens.Count - count, count);
                }

                // Looking in between must not matter.
                if (step % 3 == 0) Applied(used);
            }

            foreach (int token in tokens) fresh.Accept(token);
            Assert.Equal(Applied(fresh), Applied(used));
        }, iter: 5_000);

    [Fact]
    public void Apply_RepetitionPenalty_DividesAboveZeroAndMultipliesBelow()
    {
        var penalty = new RepetitionPenalty(2, [0, 1, 1, 2]);
        penalty.Accept(3);
        float[] logits = [4, -4, 0, 1, 5];
        penalty.Apply(logits);
        Assert.Equal([2, -8, 0, 0.5f, 5], logits);
    }

    [Theory]
    [InlineData(double.Epsilon)]
    [InlineData(double.MaxValue)]
    public void Apply_RepetitionPenaltyOfAnySize_StaysFiniteAndAboveForbiddenTokens(double penalty)
    {
        float[] logits = [30, -30, 0, float.Epsilon, -float.Epsilon, float.MaxValue, float.MinValue];
        new RepetitionPenalty(penalty, [0, 1, 2, 3, 4, 5, 6]).Apply(logits);
        Assert.All(logits, logit => Assert.InRange(logit, -1e38f, 1e38f));
    }

    [Fact]
    public void Apply_FrequencyAndPresence_CountGeneratedTokensOnly()
    {
        var state = new DecodingState(new SamplingOptions { Temperature = 0, FrequencyPenalty = 1, PresencePenalty = 0.5 }, [1, 1, 1], [], 3);
        Sampler sampler = new(3);
        Assert.Equal(1, state.Choose([0, 2.5f, 0], sampler).Id);
        state.Accept(1);
        Assert.Equal(1, state.Choose([0, 2.5f, 0.9f], sampler).Id);
        Assert.Equal(2, state.Choose([0, 2.5f, 1.1f], sampler).Id);
        state.Accept(1);
        Assert.Equal(1, state.Choose([-1, 2.5f, -0.1f], sampler).Id);
        Assert.Equal(2, state.Choose([-1, 2.5f, 0.1f], sampler).Id);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(33)]
    [InlineData(100)]
    public void Apply_MaskOfAnySize_ForbidsJustWhatItDoesNotAllow(int vocabulary)
    {
        int[] allowed = [.. Enumerable.Range(0, vocabulary).Where(id => id % 3 == 0 || id == vocabulary - 1)];
        float[] logits = new float[vocabulary];
        new TokenMask(new FixedTokenMask(vocabulary, allowed), vocabulary).Apply(logits);
        for (int id = 0; id < vocabulary; id++) Assert.Equal(allowed.Contains(id) ? 0 : float.MinValue, logits[id]);
    }

    [Fact]
    public void Apply_MaskThatAllowsNothing_SaysSo()
    {
        var mask = new TokenMask(new FixedTokenMask(40, []), 40);
        mask.Accept(3);
        GenerationException error = Assert.Throws<GenerationException>(() => mask.Apply(new float[40]));
        Assert.Equal("After 1 tokens of the answer none may follow: the form that was asked for forbids every token.", error.Message);
        // Bits past the vocabulary are no tokens.
        Assert.Throws<GenerationException>(() => new TokenMask(new FixedTokenMask(64, [40]), 40).Apply(new float[40]));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(40)]
    public void FixedTokenMask_TokenOutside_IsRefused(int token) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new FixedTokenMask(40, [3, token]));

    [Fact]
    public void All_AnySize_HoldsTheVocabularyAndNoMore()
    {
        foreach (int size in new[] { 1, 31, 32, 33, 64, 100 })
            Assert.Equal(size, TokenBits.All(size).Sum(word => System.Numerics.BitOperations.PopCount(word)));
    }

    private static float[] Applied(ITokenProcessor processor)
    {
        float[] logits = [.. Enumerable.Range(0, Vocabulary).Select(id => (id * 7 % 11) - 5f)];
        try
        {
            processor.Apply(logits);
        }
        catch (GenerationException)
        {
            return [];
        }

        return logits;
    }
}
