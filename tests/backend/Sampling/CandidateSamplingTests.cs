using CsCheck;
using Gemma2.Backend.Decoding;

namespace Gemma2.Backend.Tests.Sampling;

/// <summary>Sampling from the highest logits and a sum that is known within bounds, against the definition on all logits.</summary>
public sealed class CandidateSamplingTests
{
    private static readonly Gen<float[]> AnyLogits = Gen.OneOf(
        Gen.Float[-30, 30].Array[1, 300],
        Gen.Float[-2, 2].Array[1, 300],
        // Coarse values, so that many are equal.
        Gen.Int[-3, 3].Select(value => value / 2f).Array[1, 300]);

    private static readonly Gen<SamplingOptions> AnyOptions =
        Gen.Select(
            Gen.OneOf(Gen.Const(0.0), Gen.Double[0.01, 2]),
            Gen.OneOf(Gen.Const(0), Gen.Int[0, 20], Gen.Int[0, 400]),
            Gen.OneOf(Gen.Const(1.0), Gen.Double[1e-9, 1]),
            Gen.OneOf(Gen.Const(0.0), Gen.Double[0, 1]),
            Gen.ULong)
        .Select((temperature, topK, topP, minP, seed) =>
            new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP, Seed = seed });

    [Fact]
    public void Sample_AnyCandidatesAndAnyErrorOfTheSum_IsTheDefinitionsTokenOrNone()
    {
        int decided = 0, undecided = 0;
        Gen.Select(AnyLogits, AnyOptions, Gen.Int[1, 64], Gen.Double[-1, 1]).Sample((logits, options, count, error) =>
        {
            if (options.Temperature > 0 && new Oracle(logits, options).IsNearAnEdge(0)) return;
            int? token = SampleHighest(logits, options, count, error * Candidates.SumError);
            Interlocked.Increment(ref token is null ? ref undecided : ref decided);
            if (token is not null) Assert.Equal(new Sampler(logits.Length).Sample(logits, options, 0), token);
        }, iter: 20_000);

        Assert.True(decided > undecided, $"{decided} decided, {undecided} not");
        Assert.True(undecided > 0, "nothing was left open: the bounds are not tried");
    }

    [Theory]
    [InlineData(0.0, 0, 1.0)]
    [InlineData(1.0, 64, 1.0)]
    [InlineData(2.0, 40, 0.9)]
    public void Sample_NoMoreThanTheCandidatesAllowed_AlwaysDecides(double temperature, int topK, double topP)
    {
        // Flat logits: the candidates hold little of the sum.
        float[] logits = [.. Enumerable.Range(0, 1000).Select(i => i % 7 * 0.01f)];
        for (ulong seed = 0; seed < 300; seed++)
        {
            SamplingOptions options = new() { Temperature = temperature, TopK = topK, TopP = topP, Seed = seed };
            Assert.Equal(new Sampler(logits.Length).Sample(logits, options, 0), SampleHighest(logits, options, 64, Candidates.SumError));
        }
    }

    [Fact]
    public void Sample_PeakedLogits_DecidesAlmostAlways()
    {
        float[] logits = [.. Enumerable.Range(0, 5000).Select(i => i < 20 ? 10 - (i * 0.5f) : -8f)];
        int open = Enumerable.Range(0, 2000).Count(seed => SampleHighest(logits, new SamplingOptions { Seed = (ulong)seed }, 256, 0) is null);
        Assert.InRange(open, 0, 20);
    }

    [Theory]
    [InlineData(1.0, 0.9)]
    [InlineData(1.0, 1.0)]
    public void Sample_FlatLogits_LeavesItOpen(double temperature, double topP)
    {
        SamplingOptions options = new() { Temperature = temperature, TopP = topP, Seed = 4 };
        Assert.Null(SampleHighest(new float[100_000], options, 256, 0));
    }

    private static int? SampleHighest(float[] logits, SamplingOptions options, int count, double error) =>
        Sampler.Sample(new DeviceRow(logits, options.Temperature, count, error).Candidates, options, 0);
}
