using Gemma2.Backend.Decoding;
using Gemma2.Backend.Text;

namespace Gemma2.Service.Completions;

/// <summary>A valid request of <c>/v1/completions</c>, <c>/v1/chat/completions</c> or a job: what it asks for, not yet measured against a model.</summary>
internal sealed record CompletionRequest
{
    /// <summary>The model that must answer.</summary>
    public required string Model { get; init; }

    /// <summary>What to go on from; its kind also decides the answer's shape.</summary>
    public required Prompt Prompt { get; init; }

    /// <summary>Most tokens to make, where the request says.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>How tokens are picked, but for the seed.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>The seed, where the request gives one.</summary>
    public long? Seed { get; init; }

    /// <summary>Whether the engine may guess tokens and check them together: the answer is the same, the time is not.</summary>
    public bool Drafts { get; init; } = true;

    /// <summary>Texts that end the answer.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>Whether the answer is wanted as server-sent events.</summary>
    public bool Stream { get; init; }

    /// <summary>Whether a stream ends with an event that counts tokens.</summary>
    public bool IncludeUsage { get; init; }
}

/// <summary>What a completion goes on from.</summary>
internal abstract record Prompt
{
    private Prompt()
    {
    }

    /// <summary>Plain text.</summary>
    public sealed record Text(string Value) : Prompt;

    /// <summary>Token ids.</summary>
    public sealed record Tokens(IReadOnlyList<int> Ids) : Prompt;

    /// <summary>A conversation.</summary>
    public sealed record Chat(IReadOnlyList<ChatMessage> Messages) : Prompt;
}
