namespace Gemma2.Storage;

/// <summary>The containers and queues that the app uses, the same in every storage account.</summary>
public static class StorageNames
{
    /// <summary>Container: <c>NAME/config.json</c>, weights, tokenizer, <c>NAME/manifest.json</c>.</summary>
    public const string Models = "models";

    /// <summary>Container: <c>ID.json</c>, jobs that are too long for a queue message. A message names one as <c>requests/ID.json</c>.</summary>
    public const string Requests = "requests";

    /// <summary>Container: <c>ID.json</c>, a job's result, written once.</summary>
    public const string Completions = "completions";

    /// <summary>Queue of completion jobs.</summary>
    public const string CompletionRequests = "completion-requests";

    /// <summary>What the Functions host appends to a queue's name for messages that failed too often.</summary>
    public const string PoisonSuffix = "-poison";

    /// <summary>Every container.</summary>
    public static IReadOnlyList<string> Containers { get; } = [Models, Requests, Completions];

    /// <summary>Every queue, poison queues included.</summary>
    public static IReadOnlyList<string> Queues { get; } = [CompletionRequests, CompletionRequests + PoisonSuffix];
}
