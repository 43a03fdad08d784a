using Azure.Core;
using Azure.Core.Pipeline;

namespace Gemma2.Storage;

/// <summary>What tests set to other values: waits, clocks, and the transport that can show faults.</summary>
internal sealed record StorageTuning
{
    public StorageRetryOptions Retry { get; init; } = new();

    public StorageBreakerOptions Breaker { get; init; } = new();

    public HttpPipelineTransport? Transport { get; init; }

    /// <summary>Who opens an account that is named without a key; null finds that out.</summary>
    public TokenCredential? Identity { get; init; }

    /// <summary>This machine's clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>How calls to storage are tried again.</summary>
internal sealed record StorageRetryOptions
{
    /// <summary>One try may take this long, and longer where it moves many bytes.</summary>
    public TimeSpan TryTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// A connection is there in milliseconds, or not at all: storage that hangs shall be noticed long before the time is over that a try may take, and work
    /// shall wait for it as for storage that is away.
    /// </summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a call is tried in all, unless <see cref="StoragePatience"/> says otherwise: less than a request over HTTP may take.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How often a call is tried again after its first try, at most; mostly its patience ends first.</summary>
    public int MaxRetries { get; init; } = 1000;

    /// <summary>The first wait; each later one is about twice as long, with jitter.</summary>
    public TimeSpan BaseDelay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>No wait is longer: so soon work goes on when storage is back.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>No wait is longer that the service asks for with <c>Retry-After</c>.</summary>
    public TimeSpan LongestRetryAfter { get; init; } = TimeSpan.FromSeconds(8);
}

/// <summary>When a service that is failing is left alone for a while, so that a whole fleet's retries do not keep it down.</summary>
internal sealed record StorageBreakerOptions
{
    /// <summary>Tries are counted over this time.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The service is left alone when this share of the tries fails.</summary>
    public double FailureRatio { get; init; } = 0.5;

    /// <summary>Fewer tries in the window say nothing.</summary>
    public int MinimumTries { get; init; } = 20;

    /// <summary>How long it is left alone; then one try decides whether others follow.</summary>
    public TimeSpan BreakDuration { get; init; } = TimeSpan.FromSeconds(3);
}
