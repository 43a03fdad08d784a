namespace Gemma2.Cli.Planning.Simulation;

/// <summary>What a simulation found. Times of requests are of those that were answered.</summary>
internal sealed class SimulationResult(Timeline timeline)
{
    /// <summary>What happened when.</summary>
    public Timeline Timeline { get; } = timeline;

    /// <summary>From a request's arrival until the replica that answered it took it.</summary>
    public LatencyHistogram Waits { get; } = new();

    /// <summary>From a request's arrival until its prompt was done.</summary>
    public LatencyHistogram FirstTokens { get; } = new();

    /// <summary>From a request's arrival until its answer was whole.</summary>
    public LatencyHistogram Answers { get; } = new();

    /// <summary>Prompt tokens of all answered requests.</summary>
    public long PromptTokens { get; set; }

    /// <summary>New tokens of all answered requests.</summary>
    public long NewTokens { get; set; }

    /// <summary>How often a request was begun and came again.</summary>
    public long Redelivered { get; set; }

    /// <summary>Requests that nobody worked on at the end.</summary>
    public long Waiting { get; set; }

    /// <summary>Requests in work at the end.</summary>
    public long InWork { get; set; }

    /// <summary>How long the oldest of <see cref="Waiting"/> had been waiting, in seconds.</summary>
    public double OldestWaiting { get; set; }
}
