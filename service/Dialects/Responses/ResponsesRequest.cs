using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.Responses;

/// <summary>A valid request of <c>/v1/responses</c>: what is generated, and what the answer repeats of the request.</summary>
internal sealed record ResponsesRequest
{
    /// <summary>What is generated.</summary>
    public required CompletionRequest Completion { get; init; }

    /// <summary>The whole conversation, with that of the response before.</summary>
    public required IReadOnlyList<Item> Items { get; init; }

    /// <summary>Whether the response is wanted later.</summary>
    public bool Store { get; init; }

    /// <summary>The response that is gone on from.</summary>
    public string? PreviousId { get; init; }

    /// <summary>What the model is told before all items. It is not of the conversation: the next response has its own.</summary>
    public string? Instructions { get; init; }

    /// <summary><c>max_tool_calls</c>, which limits tools that this server does not have.</summary>
    public long? MaxToolCalls { get; init; }

    /// <summary>What it says of functions.</summary>
    public required ResponsesTools Tools { get; init; }

    /// <summary><c>text.format</c> as JSON.</summary>
    public required string Format { get; init; }

    /// <summary><c>top_logprobs</c>.</summary>
    public int TopLogProbabilities { get; init; }

    /// <summary><c>top_p</c> as it was given; null where it was not.</summary>
    public double? TopP { get; init; }

    /// <summary>The client's notes.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <summary><c>prompt_cache_key</c>.</summary>
    public string? PromptCacheKey { get; init; }

    /// <summary><c>prompt_cache_retention</c>.</summary>
    public string? PromptCacheRetention { get; init; }

    /// <summary><c>safety_identifier</c>.</summary>
    public string? SafetyIdentifier { get; init; }

    /// <summary><c>user</c>.</summary>
    public string? User { get; init; }
}
