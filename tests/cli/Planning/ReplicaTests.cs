using CsCheck;
using Gemma2.Cli.Planning.Rates;
using Gemma2.Cli.Planning.Simulation;

namespace Gemma2.Cli.Tests.Planning;

/// <summary>Continuous batching: how long a request takes beside others.</summary>
public sealed class ReplicaTests
{
    private static readonly RateTable Table = new([new RatePoint(1, 100, 10), new RatePoint(2, 100, 16), new RatePoint(4, 120, 24)]);

    [Fact]
    public void Step_OneRequest_TakesPromptThenAnswer()
    {
        List<(double FirstToken, double Done)> times = Simulate([new Request(0, 50, 20)]);
        Assert.Equal([(0.5, 2.5)], times);
    }

    [Fact]
    public void Step_TwoAtOnce_ShareTheRatesOfTwo()
    {
        // Prompts: 100 tokens at 50 each; answers: 40 tokens at 8 each.
        List<(double FirstToken, double Done)> times = Simulate([new Request(0, 100, 40), new Request(0, 100, 40)]);
        Assert.All(times, time => Assert.Equal((2.0, 7.0), time));
    }

    [Fact]
    public void Step_SecondComesLater_SlowsTheFirstFromThenOn()
    {
        // The first has 10 of its 30 tokens after 1 s alone (prompt: 0), then both go at 8: 20 tokens take 2.5 s.
        List<(double FirstToken, double Done)> times = Simulate([new Request(0, 0, 30), new Request(1, 0, 40)]);
        Assert.Equal(3.5, times[0].Done, 9);
        // The second has 20 of its 40 then, and goes on alone at 10.
        Assert.Equal(5.5, times[1].Done, 9);
    }

    [Fact]
    public void Step_AnyRequests_EndWhenAPlainSimulationSaysSo() => Gen.Select(Gen.Int[0, 60], Gen.Int[0, 300], Gen.Int[1, 60])
        .Select((arrival, prompt, answer) => new Request(arrival / 4.0, prompt, answer)).Array[1, 12].Sample(
        requests =>
        {
            Request[] ordered = [.. requests.OrderBy(request => request.Arrival)];
            List<(double FirstToken, double Done)> actual = Simulate(ordered), expected = Oracle(ordered);
            for (int i = 0; i < ordered.Length; i++)
            {
                Assert.Equal(expected[i].FirstToken, actual[i].FirstToken, tolerance: 1e-6);
                Assert.Equal(expected[i].Done, actual[i].Done, tolerance: 1e-6);
            }
        },
        iter: 300);

    [Fact]
    public void GiveBack_Unfinished_InOrderOfArrival()
    {
        var replica = new Replica(new ServiceRates(Table, 8));
        Request[] requests = [new Request(0, 10, 100), new Request(0.25, 200, 10), new Request(0.5, 10, 10)];
        foreach (Request request in requests) replica.Take(request, request.Arrival);
        Assert.Equal(requests, replica.GiveBack(0.5));
        Assert.Equal(0, replica.Active);
        Assert.Equal(double.PositiveInfinity, replica.NextStep());
    }

    // In the order of the requests, which come with different arrivals or are alike.
    private static List<(double FirstToken, double Done)> Simulate(Request[] requests)
    {
        var replica = new Replica(new ServiceRates(Table, 16));
        var done = new List<(Work Work, double Time)>();
        int next = 0;
        while (done.Count < requests.Length)
        {
            if (next < requests.Length && requests[next].Arrival <= replica.NextStep())
            {
                // The position tells requests apart that are alike.
                replica.Take(requests[next], requests[next].Arrival);
                next++;
            }
            else
            {
                double now = replica.NextStep();
                if (replica.Step(now, out Work work)) done.Add((work, now));
            }
        }
        var unclaimed = new List<(Work Work, double Time)>(done);
        return [.. requests.Select(request =>
        {
            int index = unclaimed.FindIndex(work => work.Work.Request == request);
            (Work work, double time) = unclaimed[index];
            unclaimed.RemoveAt(index);
            return (work.FirstToken, time);
        })];
    }

    // From event to event, taking from every sequence what it gets.
    private static List<(double FirstToken, double Done)> Oracle(Request[] requests)
    {
        double[] prompts = [.. requests.Select(request => (double)request.PromptTokens)], answers = [.. requests.Select(request => (double)request.NewTokens)];
        double[] firsts = new double[requests.Length], ends = new double[requests.Length];
        bool[] prompting = new bool[requests.Length], answering = new bool[requests.Length];
        double now = 0;
        int next = 0, ended = 0;
        while (ended < requests.Length)
        {
            int n = prompting.Count(active => active) + answering.Count(active => active);
            double promptRate = n == 0 ? 0 : Table.At(n).PromptTokensPerSecond / n, answerRate = n == 0 ? 0 : Table.At(n).DecodeTokensPerSecond / n;
            double step = next < requests.Length ? requests[next].Arrival - now : double.PositiveInfinity;
            for (int i = 0; i < requests.Length; i++)
            {
                if (prompting[i]) step = Math.Min(step, prompts[i] / promptRate);
                if (answering[i]) step = Math.Min(step, answers[i] / answerRate);
            }
            now += step;
            for (int i = 0; i < requests.Length; i++)
            {
                if (prompting[i]) prompts[i] -= step * promptRate;
                if (answering[i]) answers[i] -= step * answerRate;
            }
            if (next < requests.Length && requests[next].Arrival <= now) prompting[next++] = true;
            for (int i = 0; i < requests.Length; i++)
            {
                if (answering[i] && answers[i] < 1e-9) (answering[i], ends[i], ended) = (false, now, ended + 1);
                if (prompting[i] && prompts[i] < 1e-9) (prompting[i], answering[i], firsts[i]) = (false, true, now);
            }
        }
        return [.. firsts.Zip(ends)];
    }
}
