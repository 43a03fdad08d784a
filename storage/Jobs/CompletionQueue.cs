using Gemma2.Backend;

namespace Gemma2.Storage.Jobs;

/// <summary>The queue <c>completion-requests</c>: jobs go in, also those that are too long for a message.</summary>
/// <param name="connection">The storage account.</param>
/// <param name="maxDequeueCount">How often a message is tried.</param>
public sealed class CompletionQueue(StorageConnection connection, int maxDequeueCount = JobQueue.DefaultMaxDequeueCount)
{
    /// <summary>The messages, for an app that polls them itself.</summary>
    public JobQueue Messages { get; } = new(connection, StorageNames.CompletionRequests, maxDequeueCount);

    /// <summary>Queues a job. Its result will be in <see cref="ResultStore"/> under its id.</summary>
    /// <exception cref="InvalidRequestException">The id is not allowed or was used for another long request, or the request is too long.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task SubmitAsync(CompletionJob job, CancellationToken cancellationToken)
    {
        JobId.Validate(job.Id);
        byte[] json = JobMessage.ToJson(job);
        if (json.Length > JobMessage.MaxMessageBytes)
        {
            await WriteRequestAsync(job.Id, json, cancellationToken);
            json = JobMessage.ToBlobReference(job.Id);
        }
        await Messages.SendAsync(json, cancellationToken);
    }

    /// <summary>Reads the job of a message's text, from its request blob where the message names one.</summary>
    /// <exception cref="JobMessageException">The text, or the blob, is not a job, or the blob does not exist.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<CompletionJob> ReadJobAsync(string messageText, CancellationToken cancellationToken)
    {
        JobMessage message = JobMessage.Parse(messageText);
        return message.Job ?? await ReadRequestAsync(message.Id, cancellationToken);
    }

    private async Task WriteRequestAsync(string id, byte[] json, CancellationToken cancellationToken)
    {
        if (json.Length > JobMessage.MaxBlobBytes)
            throw new InvalidRequestException(null, $"The request is {json.Length} bytes long; allowed are {JobMessage.MaxBlobBytes}.");
        WriteOutcome outcome = await SmallBlobs.WriteOnceAsync(connection, StorageNames.Requests, $"{id}.json", json, cancellationToken);
        if (outcome == WriteOutcome.AlreadyThere && !(await ReadBlobAsync(id, cancellationToken))!.Value.Span.SequenceEqual(json))
            throw new InvalidRequestException("id", $"The job id '{id}' was used for another request.");
    }

    private async Task<CompletionJob> ReadRequestAsync(string id, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> json = await ReadBlobAsync(id, cancellationToken)
            ?? throw new JobMessageException($"Job {id} names the blob {StorageNames.Requests}/{id}.json, which does not exist.");
        JobMessage stored = JobMessage.Parse(json);
        if (stored.Id != id || stored.Job is null) throw new JobMessageException($"The blob {StorageNames.Requests}/{id}.json is not the request of job {id}.");
        return stored.Job;
    }

    private Task<ReadOnlyMemory<byte>?> ReadBlobAsync(string id, CancellationToken cancellationToken) =>
        SmallBlobs.TryReadAsync(connection, StorageNames.Requests, $"{id}.json", JobMessage.MaxBlobBytes, cancellationToken);
}
