using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Gemma2.Service.Api;
using Gemma2.Service.Callbacks;
using Gemma2.Service.Queue;
using Gemma2.Storage.Batches;

namespace Gemma2.Service.Batches;

/// <summary>
/// Tells who waits for a batch that it has ended, at least once: the batch's marker stays until that is done, or was tried too often. Source: OpenAI API
/// reference, "Webhook Events": <c>batch.completed</c>, <c>batch.failed</c>, <c>batch.expired</c>, <c>batch.cancelled</c>.
/// </summary>
internal sealed class BatchCallbacks(BatchWork work, CallbackRules rules, CallbackSender sender, ILogger<BatchCallbacks> log)
{
    private const string Delivered = "delivered";

    /// <summary>Posts the event of a batch that has ended, where somebody waits for it and that was not done before.</summary>
    /// <param name="message">A message of the batch. One of a chunk only makes the first try: the next ones have a message of their own.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<QueueOutcome> NotifyAsync(BatchMessage message, CancellationToken cancellationToken)
    {
        BatchRecord? batch = await work.TryReadAsync(message.Batch, cancellationToken);
        if (batch is not { AwaitsCallback: true } || (message.Chunk is not null && batch.CallbackTries > 0))
            return QueueOutcome.Done;
        int number = batch.CallbackTries + 1;
        string? outcome = await TryAsync(batch, number, cancellationToken);
        await work.NoteCallbackAsync(batch.Key, number, outcome, cancellationToken);
        if (outcome is null)
            return new QueueOutcome.Replaced(new BatchMessage(batch.Key).ToJson(), RetryBackoff.After(batch.CallbackTries));
        await work.CleanUpAsync(batch.Key, cancellationToken);
        return QueueOutcome.Done;
    }

    /// <summary>What is the end of it: that it was delivered, or why it was given up; null where it is to be tried again.</summary>
    private async Task<string?> TryAsync(BatchRecord batch, int number, CancellationToken cancellationToken)
    {
        Uri url = batch.CallbackUrl!;
        if (rules.WhyRefused(url) is { } refused)
            return refused;
        string id = IdOf(batch);
        if (await sender.SendAsync(url, $"wh_{id}", Body(batch, id), cancellationToken) is not { } failure)
            return Delivered;
        log.LogWarning("Batch {Batch}: callback to {Host}, try {Try} of {Tries}: {Failure}", batch.Key, url.IdnHost, number, CallbackRules.MaxTries, failure);
        return number < CallbackRules.MaxTries ? null : failure;
    }

    /// <summary>The same for every try to tell of one end, so that the receiver can tell copies.</summary>
    private static string IdOf(BatchRecord batch) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"end of {batch.Key} {batch.EndedAt:O}")).AsSpan(0, 16));

    private static ReadOnlyMemory<byte> Body(BatchRecord batch, string id) => JsonBody.ToUtf8(json =>
    {
        json.WriteStartObject();
        json.WriteString("id", $"evt_{id}");
        json.WriteString("object", "event");
        json.WriteNumber("created_at", batch.EndedAt!.Value.ToUnixTimeSeconds());
        json.WriteString("type", $"batch.{JsonNamingPolicy.SnakeCaseLower.ConvertName(batch.Status.ToString())}");
        json.WriteStartObject("data");
        json.WriteString("id", batch.Key.Id);
        json.WriteEndObject();
        json.WriteEndObject();
    });
}
