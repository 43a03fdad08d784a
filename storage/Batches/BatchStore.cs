namespace Gemma2.Storage.Batches;

/// <summary>What a new batch is made from.</summary>
/// <param name="Owner">Whose it will be.</param>
/// <param name="Endpoint">What every line calls: one of <see cref="BatchStore.Endpoints"/>.</param>
/// <param name="InputFileId">A file of the same owner, with purpose <c>batch</c>.</param>
/// <param name="CompletionWindow">How long it may take: <c>24h</c>, or another number of hours (1 to 168).</param>
/// <param name="Metadata">Up to 16 notes: keys of up to 64 characters, values of up to 512.</param>
public sealed record NewBatch(
    string? Owner, string Endpoint, string InputFileId, string CompletionWindow = "24h", IReadOnlyDictionary<string, string>? Metadata = null);

/// <summary>Batches: made, looked at, cancelled. What works on them is <c>functions/Batches</c>.</summary>
/// <param name="connection">The storage account.</param>
public sealed class BatchStore(StorageConnection connection)
{
    /// <summary>What a batch's lines may call.</summary>
    public static IReadOnlyList<string> Endpoints { get; } = ["/v1/chat/completions", "/v1/completions"];

    /// <summary>Stores a batch and queues its split.</summary>
    /// <exception cref="Backend.InvalidRequestException">A part of it is not allowed, or there is no such file.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<BatchRecord> CreateAsync(NewBatch batch, CancellationToken cancellationToken) => throw new NotImplementedException($"{connection}");

    /// <summary>A batch as it is now, with counts and tokens of the chunks in hand; null when there is none.</summary>
    public Task<BatchRecord?> TryReadAsync(OwnedId key, CancellationToken cancellationToken) => throw new NotImplementedException($"{connection}");

    /// <summary>An owner's batches, newest first, counts as <see cref="TryReadAsync"/> gives them.</summary>
    /// <param name="owner">Whose.</param>
    /// <param name="after">Begin behind this id; null begins with the newest.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The batches, and whether there are more.</returns>
    public Task<(IReadOnlyList<BatchRecord> Batches, bool HasMore)> ListAsync(string? owner, string? after, int limit, CancellationToken cancellationToken) =>
        throw new NotImplementedException($"{connection}");

    /// <summary>Asks a batch to stop and gives it as it then is; null when there is none. Cancelling twice is cancelling once.</summary>
    /// <exception cref="Backend.InvalidRequestException">It has ended in another way.</exception>
    public Task<BatchRecord?> CancelAsync(OwnedId key, CancellationToken cancellationToken) => throw new NotImplementedException($"{connection}");
}
