using System.Collections.Concurrent;
using Gemma2.Service.Api;
using Gemma2.Service.Limits;
using Gemma2.Service.Options;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Http.Access;

/// <summary>How much each key may have: bytes of files, jobs and batches that have not ended. It is asked when something of the kind is to be made.</summary>
internal sealed class Quotas(Gemma2Options options, FileStore files, JobStore jobs, BatchMarkers batches, TimeProvider time)
{
    private readonly ConcurrentDictionary<(string? Owner, Kind Kind), QuotaCount?> _counts = [];

    private enum Kind
    {
        Bytes,
        Jobs,
        Batches,
    }

    /// <summary>Makes a job where its owner has room for one more.</summary>
    /// <param name="key">The job. One that is there already takes no room.</param>
    /// <param name="make">Makes it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ApiException">The quota is used up.</exception>
    public async Task MakeJobAsync(OwnedId key, Func<Task> make, CancellationToken cancellationToken)
    {
        if (Of(key.Owner, Kind.Jobs) is not { } count)
            await make();
        else if (await HoldAsync(count, cancellationToken))
            await EndAsync(count, async () =>
            {
                await make();
                return true;
            });
        else if (await jobs.TryReadAsync(key, cancellationToken) is not null)
            await make();
        else
            throw new ApiException(ApiError.TooManyActive("jobs", count.Limit));
    }

    /// <summary>Makes a batch where its owner has room for one more.</summary>
    /// <exception cref="ApiException">The quota is used up.</exception>
    public async Task<T> MakeBatchAsync<T>(string? owner, Func<Task<T>> make, CancellationToken cancellationToken)
    {
        if (Of(owner, Kind.Batches) is not { } count)
            return await make();
        return await HoldAsync(count, cancellationToken)
            ? await EndAsync(count, make)
            : throw new ApiException(ApiError.TooManyActive("batches", count.Limit));
    }

    /// <summary>Stores a file where its owner has room for it: bytes are counted as they come, as a file's length is not known before its end.</summary>
    /// <exception cref="ApiException">The quota is used up.</exception>
    public async Task<T> StoreAsync<T>(string? owner, Stream content, Func<Stream, Task<T>> store, CancellationToken cancellationToken)
    {
        if (Of(owner, Kind.Bytes) is not { } count)
            return await store(content);
        await count.RefreshAsync(cancellationToken);
        await using var counted = new QuotaStream(content, count);
        T stored = await store(counted);
        counted.Keep();
        return stored;
    }

    private static async Task<bool> HoldAsync(QuotaCount count, CancellationToken cancellationToken)
    {
        await count.RefreshAsync(cancellationToken);
        return count.TryHold(1);
    }

    private static async Task<T> EndAsync<T>(QuotaCount count, Func<Task<T>> make)
    {
        bool isStored = false;
        try
        {
            T made = await make();
            isStored = made is not null;
            return made;
        }
        finally
        {
            count.End(1, isStored);
        }
    }

    private async Task<long> CountBytesAsync(string? owner, CancellationToken cancellationToken)
    {
        long bytes = 0;
        await foreach (StoredFile file in files.ListAsync(owner, cancellationToken))
            bytes += file.Bytes;
        return bytes;
    }

    private QuotaCount? Of(string? owner, Kind kind) => _counts.GetOrAdd((owner, kind), key => New(key.Owner, key.Kind));

    private QuotaCount? New(string? owner, Kind kind)
    {
        if (!(owner is not null && options.KeyQuotas.TryGetValue(owner, out KeyQuota quota)) && !options.KeyQuotas.TryGetValue(KeyQuota.Others, out quota))
            return null;
        (long limit, Func<CancellationToken, Task<long>> count) = kind switch
        {
            Kind.Bytes => (quota.Bytes, (Func<CancellationToken, Task<long>>)(token => CountBytesAsync(owner, token))),
            Kind.Jobs => (quota.Jobs, token => jobs.CountActiveAsync(owner, token)),
            _ => (quota.Batches, async token => (await batches.ListAsync(token)).Count(batch => batch.Key.Owner == owner)),
        };
        return limit > 0 ? new QuotaCount(limit, count, time) : null;
    }
}
