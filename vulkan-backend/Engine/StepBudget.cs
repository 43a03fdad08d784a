using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;

namespace Gemma2.Backend.Engine;

/// <summary>How many rows a step may have. Results do not depend on it, only who waits for how long.</summary>
internal sealed record StepBudget
{
    /// <summary>
    /// What suits a device. On a CPU a row of a prompt takes about as long in a small step as in a large one, and long enough to count: there steps stay small where somebody may wait for their end.
    /// </summary>
    public static StepBudget For(DeviceKind device) => device == DeviceKind.Software ? new() { PromptBesideStreams = 64, PromptOfBatch = 64, BatchRests = 3 } : new();

    /// <summary>Rows that decode.</summary>
    public int Decoding { get; init; } = StepLimits.DecodingRows;

    /// <summary>Rows that decode and drafts to be checked, together: as long as there are so few, a row more costs little.</summary>
    public int WithDrafts { get; init; } = 8;

    /// <summary>Rows of prompts.</summary>
    public int Prompt { get; init; } = StepLimits.PromptRows;

    /// <summary>Rows of prompts in a step in which interactive sequences decode: each row more lets their next tokens wait longer.</summary>
    public int PromptBesideStreams { get; init; } = StepLimits.PromptRows / 2;

    /// <summary>Rows of prompts of batch sequences: whoever comes next waits for this step's end.</summary>
    public int PromptOfBatch { get; init; } = StepLimits.PromptRows;

    /// <summary>Whether sequences take over what others have computed of the same tokens.</summary>
    public bool ReusesPrefixes { get; init; } = true;

    /// <summary>Of so many rows of either kind, and of so many slots, interactive sequences leave one to batch ones.</summary>
    public int BatchShare { get; init; } = 8;

    /// <summary>
    /// So many steps go without batch sequences, before one with them, while the prompt of an interactive sequence is being read: for devices on which each row more makes a step longer.
    /// </summary>
    public int BatchRests { get; init; }
}
