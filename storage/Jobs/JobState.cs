namespace Gemma2.Storage.Jobs;

/// <summary>What changes of a job: the blob <c>jobs/KEY.json</c>.</summary>
public sealed record JobState
{
    /// <summary>The model that it asks for, where known.</summary>
    public string? Model { get; init; }

    /// <summary>When it was submitted, by storage's clock, as all times here.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When a worker last began it.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>How often a worker began it.</summary>
    public int Attempts { get; init; }

    /// <summary>How many of these the worker gave up for a reason that was not the job's: they do not count as tries.</summary>
    public int GivenBack { get; init; }

    /// <summary>The newest attempt: by it a worker knows its own write again whose reply was lost.</summary>
    public string? LastAttempt { get; init; }

    /// <summary>The newest attempt that was given back, for the same reason.</summary>
    public string? LastGivenBack { get; init; }

    /// <summary>Where the job is posted when it has ended.</summary>
    public Uri? CallbackUrl { get; init; }

    /// <summary>How often it was tried to post it.</summary>
    public int CallbackTries { get; init; }

    /// <summary>What became of that: <c>delivered</c>, or why it was given up; null while it is to be done.</summary>
    public string? CallbackOutcome { get; init; }

    /// <summary>Attempts of which nobody knows that they ended: of a running job one, more when workers died with it.</summary>
    public int OpenAttempts => Attempts - GivenBack;
}
