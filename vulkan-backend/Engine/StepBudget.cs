using Gemma2.Backend.Kernels;

namespace Gemma2.Backend.Engine;

/// <summary>How many rows a step may have. Results do not depend on it, only who waits for how long.</summary>
internal sealed record StepBudget
{
    /// <summary>Rows that decode.</summary>
    public int Decoding { get; init; } = StepLimits.DecodingRows;

    /// <summary>Rows that decode and drafts to be checked, together: as long as there are so few, a row more costs little.</summary>
    public int WithDrafts { get; init; } = 8;

    /// <summary>Rows of prompts.</summary>
    public int Prompt { get; init; } = StepLimits.PromptRows;

    /// <summary>Rows of prompts in a step in which interactive sequences decode: each row more lets their next tokens wait longer.</summary>
    public int PromptBesideStreams { get; init; } = StepLimits.PromptRows / 2;

    /// <summary>Rows that decode and that interactive sequences leave to batch ones.</summary>
    public int DecodingForBatch { get; init; } = StepLimits.DecodingRows / 8;

    /// <summary>Rows of prompts that interactive sequences leave to batch ones.</summary>
    public int PromptForBatch { get; init; } = StepLimits.PromptRows / 8;
}
