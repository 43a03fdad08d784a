using System.Collections.Concurrent;
using Gemma2.Storage;
using Gemma2.Storage.Batches;

namespace Gemma2.Service.Batches;

/// <summary>
/// Whose turn it is. Storage queues give messages in about the order in which they came, so that the chunks of a huge batch stand before those of a small one,
/// and before one that is due soon. A worker therefore takes a chunk's message for leave to work, and looks whether another batch should go first: what is
/// small and due soon does, by the product of a batch's chunks and the time that it has left. Chunks keep their messages, so that nothing is lost with the
/// worker: a message whose chunk was done on another one's leave finds its results.
/// </summary>
internal sealed class BatchTurns(BatchWork work)
{
    // How many batches are looked into for a free chunk: those that go first mostly have one.
    private const int MostLooks = 3;

    // Workers that choose at the same time shall not all choose the same chunk.
    private const int Choices = 8;

    // Plans never change; those of so many batches are kept.
    private const int MostPlans = 8;

    // A batch that is due at this moment is not more urgent than one that is due in a minute.
    private static readonly TimeSpan ShortestTime = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<OwnedId, BatchPlan> _plans = [];

    /// <summary>What to do before a chunk's message is worked on; null where nothing goes first.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<BatchMessage?> FindMoreUrgentAsync(BatchMessage message, CancellationToken cancellationToken)
    {
        if (message.Chunk is null)
            return null;
        IReadOnlyList<ActiveBatch> active = await work.Markers.ListAsync(cancellationToken);
        if (active.FirstOrDefault(batch => batch.Key == message.Batch) is not { } own)
            return null;
        DateTimeOffset now = work.UtcNow;
        double ownWait = Wait(own with { Chunks = Math.Max(own.Chunks, 1) }, now);
        IEnumerable<ActiveBatch> before = active.Where(batch => batch.Key != own.Key && !IsForgotten(batch, now) && Wait(batch, now) < ownWait);
        foreach (ActiveBatch batch in before.OrderBy(batch => Wait(batch, now)).ThenBy(batch => batch.ExpiresAt).Take(MostLooks))
        {
            if (await FindWorkAsync(batch, now, cancellationToken) is { } found)
                return found;
        }
        return null;
    }

    /// <summary>A marker whose batch was never split in all its window: mostly its maker died before it stored the batch. If there is one, its own message ends it.</summary>
    private static bool IsForgotten(ActiveBatch batch, DateTimeOffset now) => batch.Chunks == 0 && now > batch.ExpiresAt;

    /// <summary>How long a batch may wait in comparison with others: less goes first. One that is not split yet takes a moment only.</summary>
    private static double Wait(ActiveBatch batch, DateTimeOffset now) =>
        batch.Chunks * Math.Max((batch.ExpiresAt - now).TotalSeconds, ShortestTime.TotalSeconds);

    private async Task<BatchMessage?> FindWorkAsync(ActiveBatch batch, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (batch.Chunks == 0)
            return work.MayBeSplit(batch, now) && await work.Markers.TryBeginSplitAsync(batch, cancellationToken) ? new BatchMessage(batch.Key) : null;
        if (await PlanOfAsync(batch.Key, cancellationToken) is not { } plan)
            return null;
        HashSet<int> taken = await work.ListTakenChunksAsync(batch.Key, cancellationToken);
        BatchChunk[] free = [.. plan.Chunks.Where(chunk => !taken.Contains(chunk.Index)).Take(Choices)];
        return free.Length == 0 ? null : new BatchMessage(batch.Key, free[Random.Shared.Next(free.Length)]);
    }

    private async Task<BatchPlan?> PlanOfAsync(OwnedId batch, CancellationToken cancellationToken)
    {
        if (_plans.TryGetValue(batch, out BatchPlan? known))
            return known;
        if (await work.TryReadPlanAsync(batch, cancellationToken) is not { } plan)
            return null;
        if (_plans.Count >= MostPlans)
            _plans.Clear();
        return _plans[batch] = plan;
    }
}
