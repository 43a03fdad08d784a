using Azure.Storage.Queues.Models;
using Gemma2.Storage;
using Microsoft.Azure.Functions.Worker;

namespace Gemma2.Functions.Hosts.Worker;

/// <summary>A function a queue. They always succeed: what becomes of a message is decided here, not by the host.</summary>
internal sealed class QueueFunctions(MessagesInHand messages)
{
    private const string Connection = "AzureWebJobsStorage";

    /// <summary>Jobs.</summary>
    [Function("CompletionRequest")]
    public Task CompletionRequestAsync(
        [QueueTrigger(StorageNames.CompletionRequests, Connection = Connection)] QueueMessage message, CancellationToken cancellationToken) =>
        messages.WorkOnAsync(StorageNames.CompletionRequests, message, cancellationToken);

    /// <summary>Jobs that failed too often.</summary>
    [Function("CompletionRequestPoison")]
    public Task CompletionRequestPoisonAsync(
        [QueueTrigger(StorageNames.CompletionRequests + StorageNames.PoisonSuffix, Connection = Connection)] QueueMessage message, CancellationToken cancellationToken) =>
        messages.WorkOnAsync(StorageNames.CompletionRequests + StorageNames.PoisonSuffix, message, cancellationToken);

    /// <summary>Parts of batches.</summary>
    [Function("BatchRequest")]
    public Task BatchRequestAsync(
        [QueueTrigger(StorageNames.BatchRequests, Connection = Connection)] QueueMessage message, CancellationToken cancellationToken) =>
        messages.WorkOnAsync(StorageNames.BatchRequests, message, cancellationToken);

    /// <summary>Parts of batches that failed too often.</summary>
    [Function("BatchRequestPoison")]
    public Task BatchRequestPoisonAsync(
        [QueueTrigger(StorageNames.BatchRequests + StorageNames.PoisonSuffix, Connection = Connection)] QueueMessage message, CancellationToken cancellationToken) =>
        messages.WorkOnAsync(StorageNames.BatchRequests + StorageNames.PoisonSuffix, message, cancellationToken);
}
