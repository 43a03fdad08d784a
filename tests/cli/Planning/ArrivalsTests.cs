using CsCheck;
using Gemma2.Cli.Planning;
using Gemma2.Cli.Planning.Simulation;

namespace Gemma2.Cli.Tests.Planning;

public sealed class ArrivalsTests
{
    private static readonly RequestLengths Lengths = new(300, 80, false, 8192);

    [Theory]
    [InlineData("flat")]
    [InlineData("diurnal")]
    [InlineData("burst")]
    public void Next_BuiltInProfile_GivesEveryHourItsShare(string name)
    {
        const double day = 86_400, mean = 5000;
        RateProfile profile = RateProfile.Named(name).WithMean(mean);
        Assert.Equal(mean, profile.MeanPerHour, 6);
        Request[] requests = [.. Until(profile, day)];
        Assert.InRange(requests.Length, (24 * mean) - 2000, (24 * mean) + 2000);
        for (int hour = 0; hour < 24; hour++)
        {
            double expected = profile.ExpectedUntil((hour + 1) * 3600.0) - profile.ExpectedUntil(hour * 3600.0);
            int came = requests.Count(request => (int)(request.Arrival / 3600) == hour);
            // Five standard deviations of a Poisson count.
            Assert.InRange(came, expected - (5 * Math.Sqrt(expected)) - 1, expected + (5 * Math.Sqrt(expected)) + 1);
        }
    }

    [Fact]
    public void Next_Gaps_AreExponential()
    {
        double[] times = [.. Until(RateProfile.Named("flat").WithMean(3600), 200_000).Select(request => request.Arrival)];
        double[] gaps = [.. times.Zip(times.Skip(1), (first, second) => second - first)];
        Assert.InRange(gaps.Average(), 0.99, 1.01);
        Assert.InRange(gaps.Count(gap => gap > 1) / (double)gaps.Length, Math.Exp(-1) - 0.005, Math.Exp(-1) + 0.005);
        Assert.InRange(gaps.Count(gap => gap > 3) / (double)gaps.Length, Math.Exp(-3) - 0.003, Math.Exp(-3) + 0.003);
    }

    [Fact]
    public void Next_Lengths_HaveTheirMeansAndFitTheContext()
    {
        Request[] requests = [.. Until(RateProfile.Named("flat").WithMean(3600), 200_000)];
        Assert.InRange(requests.Average(request => request.PromptTokens), 296, 304);
        Assert.InRange(requests.Average(request => request.NewTokens), 79, 81);
        Assert.All(requests, request => Assert.InRange(request.PromptTokens + request.NewTokens, 2, Lengths.Context));
        Assert.Equal(requests.Select(request => request.Arrival).Order(), requests.Select(request => request.Arrival));
    }

    [Fact]
    public void Next_FixedLengths_AreAllTheMean() => Assert.All(
        Until(RateProfile.Named("flat").WithMean(1000), 3600, Lengths with { AreFixed = true }),
        request => Assert.Equal((300, 80), (request.PromptTokens, request.NewTokens)));

    [Theory]
    [InlineData(0)]
    [InlineData(1e-300)]
    [InlineData(1e-9)]
    public void Next_HardlyAnyRequests_EndsAtOnce(double mean) => Assert.Empty(Until(RateProfile.Named("burst").WithMean(mean), 31_622_400));

    [Fact]
    public void Parse_Hours_RepeatAfterTheLast()
    {
        RateProfile profile = RateProfile.Parse("hour,requests\r\n\n0,10\r\n 1 , 2.5e1 \n\n2,0\n", "a/hours.csv");
        Assert.Equal([10, 25, 0], profile.Requests);
        Assert.Equal("hours.csv", profile.Name);
        Assert.Equal(35 / 3.0, profile.MeanPerHour, 9);
        Assert.Equal(35 + 10 + 12.5, profile.ExpectedUntil(4.5 * 3600), 9);
    }

    [Theory]
    [InlineData("", "no line")]
    [InlineData("hour,requests\n", "no line")]
    [InlineData("1,10\n", "line 1", "'0,REQUESTS'")]
    [InlineData("0,10\n2,10\n", "line 2", "'1,REQUESTS'")]
    [InlineData("0,10\n\n1\n", "line 3")]
    [InlineData("0,-1\n", "line 1")]
    [InlineData("0,NaN\n", "line 1")]
    [InlineData("0,1e99\n", "line 1")]
    [InlineData("0,1,2\n", "line 1")]
    [InlineData("hour,requests\nhour,requests\n", "line 2")]
    public void Parse_BadHours_AreRefusedWithTheirLine(string csv, params string[] mentions)
    {
        PlanException error = Assert.Throws<PlanException>(() => RateProfile.Parse(csv, "hours.csv"));
        foreach (string mention in mentions.Append("hours.csv")) Assert.Contains(mention, error.Message);
    }

    [Fact]
    public void Parse_AnyText_IsReadOrRefused() => Gen.Char["0123456789,.-eE\n\r \thour"].Array[0, 40].Select(letters => new string(letters)).Sample(csv =>
    {
        try
        {
            Assert.All(RateProfile.Parse(csv, "f").Requests, requests => Assert.True(requests is >= 0 and <= 1e8));
        }
        catch (PlanException)
        {
            // Refused with a reason.
        }
    });

    private static IEnumerable<Request> Until(RateProfile profile, double end, RequestLengths? lengths = null)
    {
        var arrivals = new Arrivals(profile, lengths ?? Lengths, 5, end);
        for (Request request = arrivals.Next(); request.Arrival < end; request = arrivals.Next()) yield return request;
    }
}
