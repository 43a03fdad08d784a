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
        job.Key.Validated();
        byte[] json = new JobMessage(job.Key, job).ToJson();
        if (json.Length > JobMessage.MaxMessageBytes)
        {
            await WriteRequestAsync(job.Key, json, cancellationToken);
            json = new JobMessage(job.Key, null).ToJson();
        }
        await Messages.SendAsync(json, TimeSpan.Zero, cancellationToken);
    }

    /// <summary>Reads the job of a message's text, from its request blob where the message names one.</summary>
    /// <exception cref="JobMessageException">The text, or the blob, is not a job, or the blob does not exist.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<CompletionJob> ReadJobAsync(string messageText, CancellationToken cancellationToken)
    {
        JobMessage message = JobMessage.Parse(messageText);
        return message.Job ?? await ReadRequestAsync(message.Key, cancellationToken);
    }

    private async Task WriteRequestAsync(OwnedId key, byte[] json, CancellationToken cancellationToken)
    {
        if (json.Length > JobMessage.MaxBlobBytes)
            throw new InvalidRequestException(null, $"The request is {json.Length} bytes long; allowed are {JobMessage.MaxBlobBytes}.");
        WriteOutcome outcome = await SmallBlobs.WriteOnceAsync(connection, StorageNames.Requests, $"{key.Path}.json", json, cancellationToken);
        if (outcome == WriteOutcome.AlreadyThere && !(await ReadBlobAsync(key, cancellationToken))!.Value.Span.SequenceEqual(json))
            throw new InvalidRequestException("id", $"The job id '{key.Id}' was used for another request.");
    }

    private async Task<CompletionJob> ReadRequestAsync(OwnedId key, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> json = await ReadBlobAsync(key, cancellationToken)
            ?? throw new JobMessageException($"Job {key} names the blob {StorageNames.Requests}/{key}.json, which does not exist.");
        JobMessage stored = JobMessage.Parse(json);
        if (stored.Key != key || stored.Job is null) throw new JobMessageException($"The blob {StorageNames.Requests}/{key}.json is not the request of job {key}.");
        return stored.Job;
    }

    private Task<ReadOnlyMemory<byte>?> ReadBlobAsync(OwnedId key, CancellationToken cancellationToken) =>
        SmallBlobs.TryReadAsync(connection, StorageNames.Requests, $"{key.Path}.json", JobMessage.MaxBlobBytes, cancellationToken);
}
