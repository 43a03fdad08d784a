using System.Threading.RateLimiting;

namespace Gemma2.Service.Http.Access;

/// <summary>A bucket that is full at first and fills again within a minute, evenly.</summary>
/// <param name="size">How much it holds, at least 1.</param>
internal sealed class MinuteBucket(int size) : IDisposable
{
    private readonly TokenBucketRateLimiter _limiter = new(new TokenBucketRateLimiterOptions
    {
        TokenLimit = size,
        TokensPerPeriod = 1,
        ReplenishmentPeriod = Period(size),
        // Filled when it is looked at, by the time that has passed: no timer.
        AutoReplenishment = false,
        QueueLimit = 0,
    });

    /// <summary>How much it holds.</summary>
    public int Size => size;

    /// <summary>What is in it now.</summary>
    public int Content
    {
        get
        {
            _limiter.TryReplenish();
            return (int)_limiter.GetStatistics()!.CurrentAvailablePermits;
        }
    }

    /// <summary>How long it takes to be full again.</summary>
    public TimeSpan UntilFull => Period(size) * (size - Content);

    /// <summary>Takes an amount out of it, or as much as it can hold. Null when it was there; else nothing is taken, and this is how long to wait.</summary>
    public TimeSpan? TryTake(int amount)
    {
        _limiter.TryReplenish();
        using RateLimitLease lease = _limiter.AttemptAcquire(Math.Min(amount, size));
        if (lease.IsAcquired)
            return null;
        return lease.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan wait) ? wait : Period(size);
    }

    /// <inheritdoc />
    public void Dispose() => _limiter.Dispose();

    private static TimeSpan Period(int size) => TimeSpan.FromMinutes(1) / size;
}
