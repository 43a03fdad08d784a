namespace Gemma2.Storage.Jobs;

/// <summary>How far a job is.</summary>
public enum JobStatus
{
    /// <summary>It waits for a worker.</summary>
    Queued,

    /// <summary>A worker has it, or had it and died.</summary>
    Running,

    /// <summary>It has an answer.</summary>
    Succeeded,

    /// <summary>It has an error.</summary>
    Failed,

    /// <summary>It was cancelled before it had a result.</summary>
    Cancelled,
}

/// <summary>A job as it is now.</summary>
public sealed record JobSnapshot
{
    /// <summary>Whose it is and its id.</summary>
    public required OwnedId Key { get; init; }

    /// <summary>How far it is.</summary>
    public required JobStatus Status { get; init; }

    /// <summary>The model that it asks for, where known.</summary>
    public string? Model { get; init; }

    /// <summary>When it was submitted, by storage's clock, as all times here.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When a worker last began it.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When it got its result.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>How often a worker began it.</summary>
    public int Attempts { get; init; }

    /// <summary>The blob <c>completions/KEY.json</c>, once it is there.</summary>
    public ReadOnlyMemory<byte>? Result { get; init; }

    /// <summary>True when nothing of it will change any more, unless it is queued anew.</summary>
    public bool HasEnded => Status is JobStatus.Succeeded or JobStatus.Failed or JobStatus.Cancelled;
}
