namespace Gemma2.Storage;

/// <summary>The containers and queues that the app uses, the same in every storage account. KEY is <c>ID</c> or <c>OWNER/ID</c>, see <see cref="OwnedId"/>.</summary>
public static class StorageNames
{
    /// <summary>Container: <c>NAME/config.json</c>, weights, tokenizer, <c>NAME/manifest.json</c>.</summary>
    public const string Models = "models";

    /// <summary>Container: <c>KEY.json</c>, what a job asks for, written once. A message names one as <c>requests/KEY.json</c>.</summary>
    public const string Requests = "requests";

    /// <summary>Container: <c>KEY.json</c>, how far a job is: changed with ETags.</summary>
    public const string Jobs = "jobs";

    /// <summary>Container: <c>KEY.json</c>, a job's result, written once.</summary>
    public const string Completions = "completions";

    /// <summary>Container: <c>KEY</c>, a file that was uploaded, or that a batch made.</summary>
    public const string Files = "files";

    /// <summary>Container: <c>KEY/batch.json</c> and, while a batch runs, its plan and its chunks.</summary>
    public const string Batches = "batches";

    /// <summary>Container: <c>KEY.json</c>, a response with the conversation that it is of, written once.</summary>
    public const string Responses = "responses";

    /// <summary>Container: <c>QUEUE/MESSAGE-ID.json</c>, messages that are no jobs, with the reason.</summary>
    public const string DeadLetters = "dead-letters";

    /// <summary>Queue of completion jobs.</summary>
    public const string CompletionRequests = "completion-requests";

    /// <summary>Queue of a batch's parts: its split, its chunks.</summary>
    public const string BatchRequests = "batch-requests";

    /// <summary>What the Functions host appends to a queue's name for messages that failed too often.</summary>
    public const string PoisonSuffix = "-poison";

    /// <summary>Every container.</summary>
    public static IReadOnlyList<string> Containers { get; } = [Models, Requests, Jobs, Completions, Files, Batches, Responses, DeadLetters];

    /// <summary>Every queue, poison queues included.</summary>
    public static IReadOnlyList<string> Queues { get; } =
        [CompletionRequests, CompletionRequests + PoisonSuffix, BatchRequests, BatchRequests + PoisonSuffix];
}
