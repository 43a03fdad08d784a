using Gemma2.Service.Limits;
using Microsoft.Extensions.Time.Testing;

namespace Gemma2.Functions.Tests;

/// <summary>A limit lets exactly what it says through; the time is the test's.</summary>
public sealed class MinuteBucketTests
{
    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(60)]
    [InlineData(10_000_000)]
    public void TryTake_AfterIdling_LetsNoMoreThroughThanItHolds(int size)
    {
        var bucket = new MinuteBucket(size, _time);
        foreach (double idleMinutes in (double[])[0, 0.5, 1, 3, 60 * 24 * 365])
        {
            _time.Advance(TimeSpan.FromMinutes(1));
            _time.Advance(TimeSpan.FromMinutes(idleMinutes));

            Assert.Equal(size, bucket.Content);
            Assert.Null(bucket.TryTake(size));
            Assert.NotNull(bucket.TryTake(1));
            Assert.Equal((0, TimeSpan.FromMinutes(1)), (bucket.Content, bucket.UntilFull));
        }
    }

    [Fact]
    public void TryTake_AtRandom_NeverLetsMoreThroughThanItHoldsAndWhatTheTimeFills()
    {
        var random = new Random(5);
        for (int round = 0; round < 200; round++)
        {
            int size = (int)Math.Pow(10, random.NextDouble() * 7);
            var bucket = new MinuteBucket(size, _time);
            DateTimeOffset start = _time.GetUtcNow();
            var taken = new List<(long At, long Amount)>();
            for (int step = 0; step < 200; step++)
            {
                _time.Advance(TimeSpan.FromTicks((long)(TimeSpan.TicksPerMinute * Math.Pow(random.NextDouble(), 8) * 3)));
                int before = bucket.Content, amount = random.Next(1, Math.Max(2, size / random.Next(1, 20)));
                bool got = bucket.TryTake(amount) is null;
                // What the headers say is what can be taken.
                Assert.Equal(before >= amount, got);
                if (got)
                    taken.Add(((_time.GetUtcNow() - start).Ticks, amount));
            }
            for (int first = 0; first < taken.Count; first++)
            {
                long sum = 0;
                for (int last = first; last < taken.Count; last++)
                {
                    sum += taken[last].Amount;
                    Assert.True(sum <= size + (size * (decimal)(taken[last].At - taken[first].At) / TimeSpan.TicksPerMinute), $"round {round}: {sum} of {size}");
                }
            }
        }
    }

    [Fact]
    public void TryTake_WaitThatIsTold_IsEnoughAndNotATickTooLong()
    {
        var random = new Random(6);
        for (int round = 0; round < 2000; round++)
        {
            int size = (int)Math.Pow(10, random.NextDouble() * 7);
            var bucket = new MinuteBucket(size, _time);
            bucket.TryTake(size);
            _time.Advance(TimeSpan.FromTicks(random.NextInt64(TimeSpan.TicksPerMinute)));
            int amount = random.Next(1, size + 1);
            if (bucket.TryTake(amount) is not { } wait)
                continue;
            _time.Advance(wait - TimeSpan.FromTicks(1));
            Assert.NotNull(bucket.TryTake(amount));
            _time.Advance(TimeSpan.FromTicks(1));
            Assert.Null(bucket.TryTake(amount));
        }
    }

    [Fact]
    public void UntilFull_Waited_IsFull()
    {
        var bucket = new MinuteBucket(7, _time);
        bucket.TryTake(3);

        _time.Advance(bucket.UntilFull - TimeSpan.FromTicks(1));
        Assert.Equal(6, bucket.Content);
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Equal((7, TimeSpan.Zero), (bucket.Content, bucket.UntilFull));
    }

    [Fact]
    public void TryTake_MoreThanItHolds_TakesAllOfIt()
    {
        var bucket = new MinuteBucket(5, _time);

        Assert.Null(bucket.TryTake(int.MaxValue));
        Assert.Equal(TimeSpan.FromMinutes(1), bucket.TryTake(int.MaxValue));
    }

    [Fact]
    public void TryTake_FromManyThreads_LetsExactlyAllThrough()
    {
        var bucket = new MinuteBucket(1000, _time);
        int got = 0;

        Parallel.For(0, 8000, _ =>
        {
            if (bucket.TryTake(1) is null)
                Interlocked.Increment(ref got);
        });

        Assert.Equal(1000, got);
    }
}
