using Gemma2.Storage;

namespace Gemma2.Chaos.Tests.Work;

/// <summary>A way to hand in work and to take it back. Each call is tried until it is known to have worked.</summary>
internal interface IClient
{
    /// <summary>Whose the work will be.</summary>
    string? Owner { get; }

    /// <summary>Stores an input under a name and makes a batch of it.</summary>
    Task<OwnedId> SubmitBatchAsync(BatchInput input, string fileName, CancellationToken cancellationToken);

    /// <summary>Asks a batch to stop, if it has not ended.</summary>
    Task CancelBatchAsync(OwnedId batch, CancellationToken cancellationToken);

    /// <summary>Makes a batch of the lines of one that has ended that have no answer; asked again it is the same batch.</summary>
    Task<OwnedId> RetryBatchAsync(OwnedId batch, CancellationToken cancellationToken);

    /// <summary>Hands in a job.</summary>
    Task SubmitJobAsync(JobInput job, CancellationToken cancellationToken);

    /// <summary>Cancels a job, if it has no result.</summary>
    Task CancelJobAsync(string id, CancellationToken cancellationToken);
}
