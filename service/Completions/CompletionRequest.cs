using Gemma2.Backend.Engine;

namespace Gemma2.Service.Completions;

/// <summary>A valid request of one of the APIs, or of a job: what it asks for, not yet measured against a model.</summary>
internal sealed record CompletionRequest
{
    /// <summary>The model that must answer.</summary>
    public required string Model { get; init; }

    /// <summary>What to go on from, at least one; a chat is alone. Their kind also decides the answers' shape.</summary>
    public required IReadOnlyList<Prompt> Prompts { get; init; }

    /// <summary>Whether it is a conversation.</summary>
    public bool IsChat => Prompts[0] is Prompt.Chat;

    /// <summary>Who goes first. Jobs and lines of batches are <see cref="RequestClass.Batch"/> whatever they say.</summary>
    public RequestClass Class { get; init; } = RequestClass.Interactive;

    /// <summary>Whether the answer says of which class it was.</summary>
    public bool TellsClass { get; init; }

    /// <summary>The field that prompts come from, for errors.</summary>
    public string PromptField { get => field ?? (IsChat ? "messages" : "prompt"); init; }

    /// <summary>The field that says <see cref="MaxTokens"/>, for errors.</summary>
    public string LengthField { get; init; } = "max_tokens";

    /// <summary>Whether the oldest messages of a chat that does not fit the context are left out.</summary>
    public bool Truncates { get; init; }

    /// <summary>How many answers each prompt gets.</summary>
    public int Answers { get; init; } = 1;

    /// <summary>How many answers are generated for each prompt, of which the best are given; no less than <see cref="Answers"/>.</summary>
    public int Tries { get; init; } = 1;

    /// <summary>How many answers are generated in all.</summary>
    public int AnswerCount => Prompts.Count * Tries;

    /// <summary>Most tokens of an answer, where the request says; 0 only tells the prompt.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Whether an answer that may get longer than the context holds ends with the context; else such a request is refused.</summary>
    public bool EndsWithContext { get; init; }

    /// <summary>Most tokens of an answer where <see cref="MaxTokens"/> is null; null means up to the end of the context.</summary>
    public int? UsualMaxTokens { get; init; }

    /// <summary>How tokens are picked, but for the seed.</summary>
    public RequestedSampling Sampling { get; init; } = new();

    /// <summary>The seed, where the request gives one.</summary>
    public long? Seed { get; init; }

    /// <summary>Whether the engine may guess tokens and check them together: the answer is the same, the time is not.</summary>
    public bool Drafts { get; init; } = true;

    /// <summary>Texts that end an answer.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>Tokens that end an answer beside the model's own.</summary>
    public IReadOnlyList<int> StopTokens { get; init; } = [];

    /// <summary>Whether the model's own end tokens do not end an answer.</summary>
    public bool IgnoresEnd { get; init; }

    /// <summary>What answers must look like; null where they may look like anything.</summary>
    public AnswerFormat? Format { get; init; }

    /// <summary>The functions that a chat's answers may call; null where they may call none.</summary>
    public ToolRequest? Tools { get; init; }

    /// <summary>Whether answers begin with their prompt.</summary>
    public bool Echo { get; init; }

    /// <summary>Whether the answer is wanted as server-sent events.</summary>
    public bool Stream { get; init; }

    /// <summary>Whether a stream ends with an event that counts tokens.</summary>
    public bool IncludeUsage { get; init; }
}
