namespace Gemma2.Cli.Hub;

/// <summary>How calls to the hub are tried again; shorter in tests.</summary>
internal sealed record HubTuning
{
    /// <summary>How often a call is tried again in a row that brought nothing.</summary>
    public int MaxRetries { get; init; } = 7;

    /// <summary>The first wait; each later one is about twice as long, with jitter.</summary>
    public TimeSpan BaseDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>No wait is longer that the hub does not ask for.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>No wait is longer that the hub asks for: its limits count over five minutes.</summary>
    public TimeSpan LongestRetryAfter { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A connection is there within this time, or not at all.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A call that brings less than <see cref="LeastBytes"/> in this time is given up, and tried anew.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>What a call must bring to be one that goes on.</summary>
    public int LeastBytes { get; init; } = 64 << 10;
}
