using Gemma2.Backend.Decoding;

namespace Gemma2.Backend.Engine;

/// <summary>A prompt in tokens and how to go on from it.</summary>
public sealed record GenerationRequest
{
    /// <summary>The prompt's token ids, at least one, beginning-of-sequence token included where the model wants it.</summary>
    public required IReadOnlyList<int> PromptTokens { get; init; }

    /// <summary>How many tokens to make at most; null means up to the end of the context.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>How tokens are picked.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Go on past the model's end tokens (<c>&lt;eos&gt;</c>, <c>&lt;end_of_turn&gt;</c>).</summary>
    public bool IgnoreEndTokens { get; init; }

    /// <summary>Texts that end the generation; they are not part of the answer. They may begin and end inside tokens.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];
}

/// <summary>Why a generation ended.</summary>
public enum FinishReason
{
    /// <summary>The model ended its turn, or a stop text appeared.</summary>
    Stop,

    /// <summary>The token limit or the end of the context was reached.</summary>
    Length,
}

/// <summary>One new token.</summary>
/// <param name="Id">The token's id. An end token that ends the sequence is given too, with <paramref name="Finish"/> set.</param>
/// <param name="Finish">Set on the last token of a sequence.</param>
public readonly record struct GeneratedToken(int Id, FinishReason? Finish);

/// <summary>A piece of an answer.</summary>
/// <param name="Text">New text, never half a character, never part of a stop text; may be empty.</param>
/// <param name="Token">The token that completed this piece; null for text that was held back until the end.</param>
/// <param name="Finish">Set on the last piece of an answer.</param>
public readonly record struct TextPiece(string Text, int? Token, FinishReason? Finish);
