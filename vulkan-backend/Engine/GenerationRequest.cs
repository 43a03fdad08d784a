using Gemma2.Backend.Decoding;

namespace Gemma2.Backend.Engine;

/// <summary>A prompt in tokens and how to go on from it.</summary>
public sealed record GenerationRequest
{
    /// <summary>The prompt's token ids, at least one, beginning-of-sequence token included where the model wants it.</summary>
    public required IReadOnlyList<int> PromptTokens { get; init; }

    /// <summary>How many tokens to make at most; null means up to the end of the context.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Who goes first.</summary>
    public RequestClass Class { get; init; } = RequestClass.Interactive;

    /// <summary>How tokens are picked.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>
    /// Tells the log-probability of every token of the prompt but the first, and of this many of the likeliest beside each; null tells none. The prompt is then computed anew. Allowed: 0 to
    /// <see cref="SamplingOptions.MaxLogProbabilities"/>.
    /// </summary>
    public int? PromptLogProbabilities { get; init; }

    /// <summary>What the answer's form allows; null where any will do. It belongs to this request alone.</summary>
    public ITokenMask? Mask { get; init; }

    /// <summary>Guess the next tokens from the text so far and check them together: the same tokens, sooner where the text repeats itself.</summary>
    public bool Drafts { get; init; } = true;

    /// <summary>Go on past the model's end tokens (<c>&lt;eos&gt;</c>, <c>&lt;end_of_turn&gt;</c>).</summary>
    public bool IgnoreEndTokens { get; init; }

    /// <summary>Tokens that end the generation as the model's own end tokens do, these left out or not; they have no text then.</summary>
    public IReadOnlyList<int> StopTokens { get; init; } = [];

    /// <summary>Texts that end the generation; they are not part of the answer. They may begin and end inside tokens.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];
}

/// <summary>Why a generation ended.</summary>
public enum FinishReason
{
    /// <summary>The model ended its turn, or a stop token or text appeared.</summary>
    Stop,

    /// <summary>The token limit or the end of the context was reached.</summary>
    Length,
}

/// <summary>One new token.</summary>
/// <param name="Choice">The token, and what was asked about it. An end token that ends the sequence is given too, with <paramref name="Finish"/> set.</param>
/// <param name="Finish">Set on the last token of a sequence.</param>
/// <param name="CachedTokens">Tokens of the prompt whose keys and values were there from earlier requests; the same for all tokens of a sequence.</param>
public readonly record struct GeneratedToken(TokenChoice Choice, FinishReason? Finish, int CachedTokens = 0)
{
    /// <summary>The token's id.</summary>
    public int Id => Choice.Id;

    /// <summary>With the first token, where it was asked for: the prompt's tokens from the second on, each with its log-probability after those before it.</summary>
    public IReadOnlyList<TokenChoice>? Prompt { get; init; }
}

/// <summary>A piece of an answer.</summary>
/// <param name="Text">New text, never half a character, never part of a stop text; may be empty.</param>
/// <param name="Choice">The token that completed this piece, and what was asked about it; null for text that was held back until the end.</param>
/// <param name="Finish">Set on the last piece of an answer.</param>
/// <param name="CachedTokens">Tokens of the prompt whose keys and values were there from earlier requests.</param>
public readonly record struct TextPiece(string Text, TokenChoice? Choice, FinishReason? Finish, int CachedTokens = 0)
{
    /// <summary>Id of the token that completed this piece; null for text that was held back until the end.</summary>
    public int? Token => Choice?.Id;

    /// <summary>With the first piece, where it was asked for: the same as <see cref="GeneratedToken.Prompt"/>.</summary>
    public IReadOnlyList<TokenChoice>? Prompt { get; init; }

    /// <summary>On the last piece, where a stop text ended the answer: which one.</summary>
    public string? StopText { get; init; }
}
