namespace Gemma2.Backend.Engine;

/// <summary>What an engine is doing, and has done since it was loaded.</summary>
public readonly record struct EngineStatistics
{
    /// <summary>Sequences that have a slot.</summary>
    public required int Running { get; init; }

    /// <summary>Sequences that wait for one, as of the last step.</summary>
    public required int Waiting { get; init; }

    /// <summary>Blocks of the KV cache.</summary>
    public required int Blocks { get; init; }

    /// <summary>Blocks that sequences hold.</summary>
    public required int HeldBlocks { get; init; }

    /// <summary>Blocks that no sequence holds, but that are there for prompts that begin alike.</summary>
    public required int KeptBlocks { get; init; }

    /// <summary>Steps over the weights.</summary>
    public long Steps { get; init; }

    /// <summary>How often a sequence had to wait for another's sake after it had begun.</summary>
    public required long Preemptions { get; init; }

    /// <summary>Tokens that were guessed, see <see cref="GenerationRequest.Drafts"/>.</summary>
    public long DraftedTokens { get; init; }

    /// <summary>Those of them that were right.</summary>
    public long AcceptedTokens { get; init; }
}
