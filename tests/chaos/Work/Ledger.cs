using System.Collections.Concurrent;
using Gemma2.Storage;

namespace Gemma2.Chaos.Tests.Work;

/// <summary>What was handed in: what storage holds in the end must come from it.</summary>
internal sealed class Ledger
{
    private readonly ConcurrentDictionary<string, BatchInput> _files = new();
    private readonly ConcurrentDictionary<OwnedId, JobInput> _jobs = new();
    private readonly ConcurrentDictionary<OwnedId, bool> _batches = new();
    private int _batchNumber;

    /// <summary>The names of uploaded files and what was in them. A file whose reply was lost may be there twice.</summary>
    public IReadOnlyDictionary<string, BatchInput> Files => _files;

    /// <summary>The jobs.</summary>
    public IReadOnlyDictionary<OwnedId, JobInput> Jobs => _jobs;

    /// <summary>The batches whose ids came back; one whose reply was lost may be there besides.</summary>
    public ICollection<OwnedId> Batches => _batches.Keys;

    /// <summary>Hands in a batch.</summary>
    public async Task<OwnedId> SubmitAsync(IClient client, BatchInput input, CancellationToken cancellationToken)
    {
        string fileName = $"{input.Name}.{Interlocked.Increment(ref _batchNumber)}.jsonl";
        _files[fileName] = input;
        OwnedId batch = await client.SubmitBatchAsync(input, fileName, cancellationToken);
        _batches[batch] = true;
        return batch;
    }

    /// <summary>Makes a batch of what has no answer in another one, twice, as a client does whose first reply was lost.</summary>
    public async Task<OwnedId> RetryAsync(IClient client, BatchInput input, OwnedId batch, CancellationToken cancellationToken)
    {
        OwnedId retry = await client.RetryBatchAsync(batch, cancellationToken);
        Assert.Equal(retry, await client.RetryBatchAsync(batch, cancellationToken));
        _files[$"{retry.Id}_input.jsonl"] = input.Retry;
        _batches[retry] = true;
        return retry;
    }

    /// <summary>Hands in a job.</summary>
    public async Task SubmitAsync(IClient client, JobInput job, CancellationToken cancellationToken)
    {
        _jobs[new OwnedId(client.Owner, job.Id)] = job;
        await client.SubmitJobAsync(job, cancellationToken);
    }
}
