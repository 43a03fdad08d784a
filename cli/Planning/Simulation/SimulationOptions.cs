using Gemma2.Cli.Planning.Rates;

namespace Gemma2.Cli.Planning.Simulation;

/// <summary>Everything that the simulation depends on: the same options give the same result.</summary>
internal sealed record SimulationOptions
{
    /// <summary>How requests spread over time.</summary>
    public required RateProfile Profile { get; init; }

    /// <summary>How long prompts and answers are.</summary>
    public required RequestLengths Lengths { get; init; }

    /// <summary>How fast a replica is.</summary>
    public required RateTable Rates { get; init; }

    /// <summary>Requests that a replica works on at once.</summary>
    public required int Sequences { get; init; }

    /// <summary>When replicas are added and removed.</summary>
    public required ScalingOptions Scaling { get; init; }

    /// <summary>From a replica's creation until it takes messages.</summary>
    public required double ColdStartSeconds { get; init; }

    /// <summary>What an ending replica has for the work in its hands.</summary>
    public double GraceSeconds { get; init; } = 25;

    /// <summary>How often a working replica dies, a second.</summary>
    public double FailuresPerSecond { get; init; }

    /// <summary>How long the messages of a dead replica stay hidden.</summary>
    public double LeaseSeconds { get; init; } = 60;

    /// <summary>The simulated time.</summary>
    public required double Seconds { get; init; }

    /// <summary>Which random arrivals, lengths and failures.</summary>
    public long Seed { get; init; } = 1;
}

/// <summary>A scale rule, named as KEDA and Azure Container Apps name its parts.</summary>
internal sealed record ScalingOptions
{
    /// <summary>Replicas that are always there.</summary>
    public int MinReplicas { get; init; }

    /// <summary>Replicas at most.</summary>
    public int MaxReplicas { get; init; } = 10;

    /// <summary>Messages for each of which there is to be a replica.</summary>
    public int QueueLength { get; init; } = 5;

    /// <summary>Seconds between two looks at the queue.</summary>
    public double PollingInterval { get; init; } = 15;

    /// <summary>Seconds without a message before the last replica ends.</summary>
    public double Cooldown { get; init; } = 300;

    /// <summary>Seconds for which fewer replicas must have been enough before some end.</summary>
    public double ScaleInWindow { get; init; } = 300;

    /// <summary>Replicas added at most at one look; null is what Container Apps does: to 1, to 4, then doubling.</summary>
    public int? MaxStep { get; init; }
}
