using Gemma2.Storage.Batches;

namespace Gemma2.Service.Batches;

/// <summary>Whether a batch's lines may still be run.</summary>
internal static class BatchVerdict
{
    /// <summary>True while the batch is there, was not cancelled, and has time.</summary>
    public static bool MayRun(this BatchRecord? batch, DateTimeOffset now) => batch is not null && Against(batch, now) is null;

    /// <summary>Why the batch's lines are run no more; null while they are.</summary>
    public static BatchError? Against(BatchRecord batch, DateTimeOffset now) =>
        batch.HasEnded || batch.Status == BatchStatus.Cancelling ? new BatchError("batch_cancelled", "The batch was cancelled before this line had an answer.")
        : HasExpired(batch, now) ? new BatchError("batch_expired", $"The batch's window of {batch.CompletionWindow} ended before this line had an answer.")
        : null;

    /// <summary>Whether the batch's window has ended.</summary>
    public static bool HasExpired(BatchRecord batch, DateTimeOffset now) => batch.Status != BatchStatus.Cancelling && now >= batch.ExpiresAt;
}
