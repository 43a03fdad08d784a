using CsCheck;
using Gemma2.Backend.Decoding;

namespace Gemma2.Backend.Tests.Sampling;

public sealed class LogProbabilitiesTests
{
    private static readonly Gen<float[]> AnyLogits = Gen.OneOf(
        Gen.Float[-30, 30].Array[1, 1500],
        // Coarse values, so that many are equal.
        Gen.Int[-3, 3].Select(value => value / 2f).Array[1, 300],
        Gen.Float[-1e30f, 1e30f].Array[1, 20]);

    [Fact]
    public void Of_AnyLogits_IsTheLogarithmOfSoftmax() =>
        Gen.Select(AnyLogits, Gen.Int[0, int.MaxValue], Gen.Int[0, 20]).Sample((logits, token, top) =>
        {
            token %= logits.Length;
            double[] expected = Oracle.LogSoftmax(logits);
            TokenChoice told = LogProbabilities.Of(logits, token, top);
            Assert.Equal(token, told.Id);
            AssertClose(expected[token], told.LogProbability!.Value);
            Assert.Equal(Oracle.Rank(logits).Take(top), told.Top.Select(one => one.Id));
            Assert.All(told.Top, one => AssertClose(expected[one.Id], one.LogProbability));
        }, iter: 3_000);

    [Fact]
    public void Of_GemmaVocabulary_SumsToOne()
    {
        Random random = new(8);
        float[] logits = [.. Enumerable.Range(0, 256_000).Select(_ => (float)(random.NextDouble() * 10))];
        double[] told = [.. Enumerable.Range(0, 256).Select(i => LogProbabilities.Of(logits, i * 1000, 0).LogProbability!.Value)];
        double[] expected = Oracle.LogSoftmax(logits);
        for (int i = 0; i < told.Length; i++) AssertClose(expected[i * 1000], told[i]);
        double logSum = LogProbabilities.LogSum(logits);
        Assert.Equal(1, logits.Sum(logit => Math.Exp(logit - logSum)), 1e-11);
    }

    [Fact]
    public void Of_ACertainToken_IsZeroAndNeverAbove()
    {
        Assert.Equal(0, LogProbabilities.Of([30, -1000], 0, 0).LogProbability);
        Assert.Equal(-1030, LogProbabilities.Of([30, -1000], 1, 1).LogProbability);
        Assert.Equal([new TokenLogProbability(0, 0)], LogProbabilities.Of([30, -1000], 1, 1).Top);
    }

    [Fact]
    public void Of_CandidatesWithAnyErrorOfTheSum_IsWithinTheBound() =>
        Gen.Select(AnyLogits, Gen.Int[0, int.MaxValue], Gen.Int[0, 20], Gen.Double[-1, 1]).Sample((logits, token, top, error) =>
        {
            token %= logits.Length;
            var row = new DeviceRow(logits, 1, 64, error * Candidates.SumError / 2);
            TokenChoice exact = LogProbabilities.Of(logits, token, top);
            Candidates candidates = row.CandidatesOf(token);
            TokenChoice told = LogProbabilities.Of(candidates, top);
            Assert.Equal(token, told.Id);
            AssertClose(exact.LogProbability!.Value, told.LogProbability!.Value, Candidates.SumError);
            Assert.Equal(exact.Top.Select(one => one.Id), told.Top.Select(one => one.Id));
            foreach ((TokenLogProbability a, TokenLogProbability b) in exact.Top.Zip(told.Top)) AssertClose(a.LogProbability, b.LogProbability, Candidates.SumError);
        }, iter: 3_000);

    /// <summary>Within a bound and what a double of that size can hold.</summary>
    private static void AssertClose(double expected, double actual, double bound = 0) =>
        Assert.Equal(expected, actual, bound + (1e-12 * Math.Max(1, Math.Abs(expected))));
}
