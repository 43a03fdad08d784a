using CsCheck;
using Gemma2.Backend.Decoding;

namespace Gemma2.Backend.Tests.Sampling;

public sealed class SamplerTests
{
    private const int GemmaVocabulary = 256_000;

    [Fact]
    public void Sample_TemperatureZero_TakesTheHighestAndOfEqualOnesTheLowestId()
    {
        SamplingOptions greedy = new() { Temperature = 0, TopK = 3, TopP = 0.1, Seed = 9 };
        Assert.Equal(1, Sample([-1, 5, 2, 5, -3], greedy));
        Assert.Equal(0, Sample([-0f, 0, -1], greedy));
        Assert.Equal(2, Sample([-4, -3, -2, -2], greedy));
    }

    [Fact]
    public void Sample_AnyLogitsAndOptions_EqualsTheOracle() =>
        Gen.Select(AnyLogits, AnyOptions, Gen.Int[0, 10_000]).Sample((logits, options, index) =>
        {
            Oracle oracle = new(logits, options);
            if (oracle.IsNearAnEdge(index)) return;
            Assert.Equal(oracle.Sample(index), Sample(logits, options, index));
        }, iter: 20_000);

    [Theory]
    [InlineData(0, 1.0, 0)]
    [InlineData(0, 0.9, 0)]
    [InlineData(40, 0.95, 0)]
    [InlineData(200_000, 0.99, 0)]
    [InlineData(0, 1.0, 0.001)]
    [InlineData(0, 0.9, 0.5)]
    public void Sample_GemmaVocabulary_EqualsTheOracle(int topK, double topP, double minP)
    {
        float[] logits = RandomLogits(GemmaVocabulary, seed: 3);
        SamplingOptions options = new() { TopK = topK, TopP = topP, MinP = minP, Seed = 5 };
        Oracle oracle = new(logits, options);
        Sampler sampler = new(GemmaVocabulary);
        int[] indices = [.. Enumerable.Range(0, 40).Where(index => !oracle.IsNearAnEdge(index))];
        Assert.InRange(indices.Length, 35, 40);
        Assert.Equal(indices.Select(oracle.Sample), indices.Select(index => sampler.Sample(logits, options, index)));
    }

    [Theory]
    [InlineData(1, 0, 1, 0)]
    [InlineData(0.5, 0, 1, 0)]
    [InlineData(2, 5, 1, 0)]
    [InlineData(1, 0, 0.7, 0)]
    [InlineData(1.5, 7, 0.8, 0)]
    [InlineData(1, 0, 1, 0.1)]
    [InlineData(2, 6, 0.9, 0.3)]
    public void Sample_ManyIndices_FollowsTheDistribution(double temperature, int topK, double topP, double minP)
    {
        const int Draws = 20_000;
        float[] logits = [1, 3, 2.5f, -1, 0, 2, 2, 1.5f, -0.5f, 0.25f];
        SamplingOptions options = new() { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP, Seed = 42 };
        Sampler sampler = new(logits.Length);
        int[] counts = new int[logits.Length];
        for (int index = 0; index < Draws; index++) counts[sampler.Sample(logits, options, index)]++;

        ChiSquared.AssertFollows(new Oracle(logits, options).Probabilities(), counts);
    }

    [Fact]
    public void Sample_SameSeedAndIndex_GivesTheSameWhateverRanBefore()
    {
        float[] logits = RandomLogits(1000, seed: 1), others = RandomLogits(1000, seed: 2);
        SamplingOptions options = new() { Temperature = 2, TopK = 500, TopP = 0.95, Seed = 77 };
        Sampler used = new(1000);
        for (int index = 0; index < 200; index++)
        {
            used.Sample(others, options with { Seed = (ulong)index, TopK = index }, index);
            Assert.Equal(new Sampler(1000).Sample(logits, options, index), used.Sample(logits, options, index));
        }
    }

    [Fact]
    public void Sample_OtherSeedOrIndex_GivesOtherTokens()
    {
        float[] logits = new float[1000];
        Sampler sampler = new(1000);
        Assert.InRange(Enumerable.Range(0, 100).Select(index => sampler.Sample(logits, new SamplingOptions(), index)).Distinct().Count(), 85, 100);
        Assert.InRange(Enumerable.Range(0, 100).Select(seed => sampler.Sample(logits, new SamplingOptions { Seed = (ulong)seed }, 0)).Distinct().Count(), 85, 100);
    }

    [Fact]
    public void Sample_TopK_KeepsOfEqualLogitsTheLowerIds() => Assert.Equal([1, 2, 3], Support([0, 2, 1, 1, 1, 0], new SamplingOptions { TopK = 3 }));

    [Fact]
    public void Sample_TopKOne_IsGreedy() => Assert.Equal([3], Support([1, 2, 3, 4, 4], new SamplingOptions { Temperature = 2, TopK = 1 }));

    [Fact]
    public void Sample_TopP_KeepsTheTokenThatReachesIt()
    {
        // Probabilities 1/2, 1/4, 1/8, 1/8, as exactly as floats have them.
        float[] logits = [MathF.Log(2), MathF.Log(8), MathF.Log(4), MathF.Log(2)];
        Assert.Equal([1], Support(logits, new SamplingOptions { TopP = 0.4999 }));
        Assert.Equal([1, 2], Support(logits, new SamplingOptions { TopP = 0.5001 }));
        Assert.Equal([1, 2], Support(logits, new SamplingOptions { TopP = 0.7499 }));
        Assert.Equal([0, 1, 2], Support(logits, new SamplingOptions { TopP = 0.7501 }));
        Assert.Equal([0, 1, 2, 3], Support(logits, new SamplingOptions { TopP = 0.8751 }));
        Assert.Equal([1], Support(logits, new SamplingOptions { TopP = double.Epsilon }));
        Assert.Equal([0, 1, 2, 3], Support(logits, new SamplingOptions { TopP = Math.BitDecrement(1.0) }));
    }

    [Fact]
    public void Sample_TopPOfEqualLogits_KeepsTheLowerIds() => Assert.Equal([0, 1, 2], Support(new float[8], new SamplingOptions { TopP = 0.375 }));

    [Fact]
    public void Sample_MinP_KeepsTokensOfThatShareOfTheHighest()
    {
        // Probabilities 1/2, 1/4, 1/8, 1/8; at temperature 2 shares of the highest are their square roots: 1, 0.71, 0.5, 0.5.
        float[] logits = [MathF.Log(2), MathF.Log(8), MathF.Log(4), MathF.Log(2)];
        Assert.Equal([1], Support(logits, new SamplingOptions { MinP = 1 }));
        Assert.Equal([1], Support(logits, new SamplingOptions { MinP = 0.5001 }));
        Assert.Equal([1, 2], Support(logits, new SamplingOptions { MinP = 0.4999 }));
        Assert.Equal([1, 2], Support(logits, new SamplingOptions { MinP = 0.2501 }));
        Assert.Equal([0, 1, 2, 3], Support(logits, new SamplingOptions { MinP = 0.2499 }));
        Assert.Equal([1, 2], Support(logits, new SamplingOptions { MinP = 0.5001, Temperature = 2 }));
        Assert.Equal([0, 1, 2, 3], Support(logits, new SamplingOptions { MinP = double.Epsilon }));
        Assert.Equal([1, 3], Support([0, 2, 1, 2], new SamplingOptions { MinP = 1 }));
    }

    [Fact]
    public void Sample_TopPAfterMinP_CountsOnlyWhatMinPKept() =>
        // The first has 0.45 of all, and 0.58 of what it shares with the second.
        Assert.Equal([0], Support([MathF.Log(4), MathF.Log(2.9f), MathF.Log(2)], new SamplingOptions { MinP = 0.6, TopP = 0.55 }));

    [Fact]
    public void Sample_TopPAfterTopK_CountsOnlyWhatTopKKept() =>
        // All four are alike; of the two that stay, each has one half.
        Assert.Equal([0], Support(new float[4], new SamplingOptions { TopK = 2, TopP = 0.5 }));

    [Theory]
    [InlineData(double.Epsilon)]
    [InlineData(1e-30)]
    [InlineData(1e-6)]
    public void Sample_TinyTemperature_IsGreedy(double temperature) =>
        Assert.Equal([2], Support([-30, 29.9f, 30, 0], new SamplingOptions { Temperature = temperature, TopP = 0.999999 }));

    [Fact]
    public void Sample_HugeLogits_StaysFinite()
    {
        Assert.Equal([1], Support([-float.MaxValue, float.MaxValue, 0], new SamplingOptions { Temperature = 2 }));
        Assert.Equal([0, 1], Support([float.MaxValue, float.MaxValue, float.MinValue], new SamplingOptions { Temperature = 2, TopP = 0.99 }));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Sample_LogitNotFinite_IsRefused(float wrong)
    {
        foreach (SamplingOptions options in new[] { new SamplingOptions { Temperature = 0 }, new SamplingOptions(), new SamplingOptions { TopK = 2, TopP = 0.5 } })
        {
            for (int id = 0; id < 50; id++)
            {
                float[] logits = RandomLogits(50, seed: 4);
                logits[id] = wrong;
                GenerationException error = Assert.Throws<GenerationException>(() => Sample(logits, options));
                Assert.Contains($"the logit of token {id};", error.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Sample_EveryWay_AllocatesNothing()
    {
        float[] logits = RandomLogits(GemmaVocabulary, seed: 6);
        SamplingOptions[] ways = [new() { Temperature = 0 }, new(), new() { TopK = 50 }, new() { TopP = 0.9 }, new() { TopK = 50, TopP = 0.9 }];
        Sampler sampler = new(GemmaVocabulary);
        long[] allocated = [.. Enumerable.Range(0, 10).Select(index =>
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            foreach (SamplingOptions options in ways) sampler.Sample(logits, options, index);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        })];

        // The runtime itself may allocate now and then while it compiles a method anew; the sampler would in every round.
        Assert.Equal(0, allocated.Min());
    }

    private static readonly Gen<float[]> AnyLogits = Gen.OneOf(
        Gen.Float[-30, 30].Array[1, 300],
        // Coarse values, so that many are equal.
        Gen.Int[-3, 3].Select(value => value / 2f).Array[1, 300],
        Gen.Float[-1e30f, 1e30f].Array[1, 20]);

    private static readonly Gen<SamplingOptions> AnyOptions =
        Gen.Select(
            Gen.Double[0.01, 2],
            Gen.OneOf(Gen.Const(0), Gen.Int[0, 20], Gen.Int[0, 400]),
            Gen.OneOf(Gen.Const(1.0), Gen.Double[1e-9, 1]),
            Gen.OneOf(Gen.Const(0.0), Gen.Double[0, 1]),
            Gen.ULong)
        .Select((temperature, topK, topP, minP, seed) =>
            new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP, Seed = seed });

    private static int Sample(float[] logits, SamplingOptions options, int index = 0) => new Sampler(logits.Length).Sample(logits, options, index);

    /// <summary>All tokens that come up in many draws.</summary>
    private static IEnumerable<int> Support(float[] logits, SamplingOptions options)
    {
        Sampler sampler = new(logits.Length);
        return Enumerable.Range(0, 500).Select(index => sampler.Sample(logits, options, index)).Distinct().Order();
    }

    private static float[] RandomLogits(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() * 30 - 15))];
    }
}
