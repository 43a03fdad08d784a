using Azure.Core.Pipeline;

namespace Gemma2.Storage;

/// <summary>What tests set to other values: waits, and the transport that can show faults.</summary>
internal sealed record StorageTuning
{
    public StorageRetryOptions Retry { get; init; } = new();

    public HttpPipelineTransport? Transport { get; init; }
}

/// <summary>How calls to storage are tried again.</summary>
internal sealed record StorageRetryOptions
{
    /// <summary>One try may take this long; a range of a model file is one try.</summary>
    public TimeSpan TryTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How often a call is tried again after its first try.</summary>
    public int MaxRetries { get; init; } = 6;

    /// <summary>The first wait; each later one is about twice as long, with jitter.</summary>
    public TimeSpan BaseDelay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>No wait is longer, whatever the backoff or the service's <c>Retry-After</c> say.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(60);
}
