namespace Gemma2.Storage.Batches;

/// <summary>How far a batch is; OpenAI's eight states.</summary>
public enum BatchStatus
{
    /// <summary>Its file is being looked through.</summary>
    Validating,

    /// <summary>Its file has no line that can be run; what is wrong with each is in its error file. An end.</summary>
    Failed,

    /// <summary>Its lines are being run.</summary>
    InProgress,

    /// <summary>All lines have results; its files are being put together.</summary>
    Finalizing,

    /// <summary>Its files are there. An end.</summary>
    Completed,

    /// <summary>Its completion window has ended; finished lines are in its output file. An end.</summary>
    Expired,

    /// <summary>It was cancelled; lines in hand are being given up.</summary>
    Cancelling,

    /// <summary>It was cancelled; finished lines are in its output file. An end.</summary>
    Cancelled,
}

/// <summary>How many requests a batch has. In the end <c>Total = Completed + Failed</c>: every line has exactly one result.</summary>
/// <param name="Total">Lines of the input that are not blank.</param>
/// <param name="Completed">Lines with an answer.</param>
/// <param name="Failed">Lines with an error: bad ones, failed ones, and those that an expiry or a cancellation left undone.</param>
public readonly record struct BatchCounts(long Total, long Completed, long Failed);

/// <summary>Tokens that a batch used.</summary>
/// <param name="InputTokens">Tokens of prompts.</param>
/// <param name="OutputTokens">New tokens.</param>
public readonly record struct BatchUsage(long InputTokens, long OutputTokens);

/// <summary>Why a batch failed, or what is wrong with one of its lines.</summary>
/// <param name="Code">A word for programs.</param>
/// <param name="Message">One line for people.</param>
/// <param name="Line">The line of the input, from 1, where it is one line's.</param>
/// <param name="Parameter">The field that is wrong, where it is one field's.</param>
public sealed record BatchError(string Code, string Message, int? Line = null, string? Parameter = null);

/// <summary>A batch: the blob <c>batches/KEY/batch.json</c>. Changed with ETags, only forward.</summary>
public sealed record BatchRecord
{
    /// <summary>Whose it is and its id, <c>batch_...</c>.</summary>
    public required OwnedId Key { get; init; }

    /// <summary>How far it is.</summary>
    public required BatchStatus Status { get; init; }

    /// <summary>What every line calls: <c>/v1/chat/completions</c> or <c>/v1/completions</c>.</summary>
    public required string Endpoint { get; init; }

    /// <summary>Its input, a file of the same owner.</summary>
    public required string InputFileId { get; init; }

    /// <summary>The window as it was given: <c>24h</c>.</summary>
    public required string CompletionWindow { get; init; }

    /// <summary>What its maker noted on it.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>How long its files are kept, from when they are made; null keeps them.</summary>
    public TimeSpan? OutputLifetime { get; init; }

    /// <summary>When it was made, by storage's clock, as all times here.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it ends, done or not.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When its lines were validated.</summary>
    public DateTimeOffset? InProgressAt { get; init; }

    /// <summary>When its last line had its result.</summary>
    public DateTimeOffset? FinalizingAt { get; init; }

    /// <summary>When its files were there.</summary>
    public DateTimeOffset? CompletedAt { get; init; }

    /// <summary>When it failed.</summary>
    public DateTimeOffset? FailedAt { get; init; }

    /// <summary>When its expiry was noticed and its files were there.</summary>
    public DateTimeOffset? ExpiredAt { get; init; }

    /// <summary>When it was cancelled.</summary>
    public DateTimeOffset? CancellingAt { get; init; }

    /// <summary>When it had stopped and its files were there.</summary>
    public DateTimeOffset? CancelledAt { get; init; }

    /// <summary>The file of answers; null until it is there, or when there is no answer.</summary>
    public string? OutputFileId { get; init; }

    /// <summary>The file of errors; null until it is there, or when there is no error.</summary>
    public string? ErrorFileId { get; init; }

    /// <summary>Why it failed, or the first bad lines.</summary>
    public required IReadOnlyList<BatchError> Errors { get; init; }

    /// <summary>The requests so far; while it runs this is summed up from its chunks.</summary>
    public BatchCounts Counts { get; init; }

    /// <summary>The tokens so far; while it runs this is summed up from its chunks.</summary>
    public BatchUsage Usage { get; init; }

    /// <summary>What its tokens cost, from when its lines were validated; null where nobody has said so.</summary>
    public BatchPrice? Price { get; init; }

    /// <summary>Who is told of its end; null where nobody is.</summary>
    public Uri? CallbackUrl { get; init; }

    /// <summary>How often it was tried to tell of its end.</summary>
    public int CallbackTries { get; init; }

    /// <summary>What came of that in the end: <c>delivered</c>, or why not; null before.</summary>
    public string? CallbackOutcome { get; init; }

    /// <summary>The batch of its lines without an answer; null where nobody asked for it.</summary>
    public string? RetryId { get; init; }

    /// <summary>How many tokens its lines will take in all, about; 0 before it was split.</summary>
    public long EstimatedTokens { get; init; }

    /// <summary>Whether every line is bad: it fails when each has its error.</summary>
    public bool HasNoRequest { get; init; }

    /// <summary>Into how many chunks it was split; 0 before.</summary>
    public int ChunkCount { get; init; }

    /// <summary>What its tokens so far cost; null where it has no price.</summary>
    public BatchCost? Cost => Price?.Of(Usage);

    /// <summary>When it ended; null before.</summary>
    public DateTimeOffset? EndedAt => CompletedAt ?? FailedAt ?? ExpiredAt ?? CancelledAt;

    /// <summary>True when somebody is still to be told of its end.</summary>
    public bool AwaitsCallback => HasEnded && CallbackUrl is not null && CallbackOutcome is null;

    /// <summary>True when nothing of its work will change any more.</summary>
    public bool HasEnded => Status is BatchStatus.Failed or BatchStatus.Completed or BatchStatus.Expired or BatchStatus.Cancelled;
}
