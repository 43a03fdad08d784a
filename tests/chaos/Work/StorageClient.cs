using Gemma2.Backend;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;
using Gemma2.Storage.Jobs;

namespace Gemma2.Chaos.Tests.Work;

/// <summary>The operator's way, as the command line goes it: straight to storage.</summary>
internal sealed class StorageClient(StorageConnection connection, string? callbackUrl) : IClient
{
    private readonly FileStore _files = new(connection);
    private readonly BatchStore _batches = new(connection);
    private readonly BatchRetry _retries = new(connection);
    private readonly JobStore _jobs = new(connection);

    public string? Owner => null;

    public async Task<OwnedId> SubmitBatchAsync(BatchInput input, string fileName, CancellationToken cancellationToken)
    {
        // One id for all tries: the same file again is the same file.
        var file = new OwnedId(Owner, FileStore.NewId());
        await TryAsync(() => _files.UploadAsync(file, fileName, FileStore.BatchPurpose, new MemoryStream(input.Content), null, cancellationToken), cancellationToken);
        var batch = new NewBatch(Owner, input.Endpoint, file.Id, Metadata: new Dictionary<string, string> { ["input"] = input.Name });
        return (await TryAsync(() => _batches.CreateAsync(batch, cancellationToken), cancellationToken)).Key;
    }

    public async Task CancelBatchAsync(OwnedId batch, CancellationToken cancellationToken)
    {
        try
        {
            await TryAsync(() => _batches.CancelAsync(batch, cancellationToken), cancellationToken);
        }
        catch (InvalidRequestException)
        {
            // It has ended meanwhile.
        }
    }

    public async Task<OwnedId> RetryBatchAsync(OwnedId batch, CancellationToken cancellationToken) =>
        (await TryAsync(() => _retries.RunAsync(batch, cancellationToken), cancellationToken))!.Key;

    public Task SubmitJobAsync(JobInput job, CancellationToken cancellationToken) =>
        TryAsync(() => _jobs.SubmitAsync(new CompletionJob(new OwnedId(Owner, job.Id), null, job.Request, callbackUrl is null ? null : new Uri(callbackUrl)), cancellationToken), cancellationToken);

    public Task CancelJobAsync(string id, CancellationToken cancellationToken) =>
        TryAsync(() => _jobs.CancelAsync(new OwnedId(Owner, id), cancellationToken), cancellationToken);

    private static Task<T> TryAsync<T>(Func<Task<T>> call, CancellationToken cancellationToken) =>
        Persistence.UntilItWorksAsync(call, error => error is StorageException, cancellationToken);
}
