using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;

namespace Gemma2.Service.Completions;

/// <summary>A piece of one of a completion's answers, or of the prompt that it begins with.</summary>
internal sealed record AnswerPart
{
    /// <summary>Which answer: the number of its prompt times the tries that each has, plus that of the try.</summary>
    public required int Answer { get; init; }

    /// <summary>New text, never half a character; may be empty.</summary>
    public string Text { get; init; } = "";

    /// <summary>The tokens that the text is of, where log-probabilities are wanted.</summary>
    public IReadOnlyList<ToldToken> Tokens { get; init; } = [];

    /// <summary>Whether it is the prompt.</summary>
    public bool IsPrompt { get; init; }

    /// <summary>Tokens that were generated for it.</summary>
    public int NewTokens { get; init; }

    /// <summary>Tokens of the prompt whose keys and values the engine had from earlier requests.</summary>
    public int CachedTokens { get; init; }

    /// <summary>Set on an answer's last part.</summary>
    public FinishReason? Finish { get; init; }

    /// <summary>On an answer's last part, where a stop text ended it: which one.</summary>
    public string? StopText { get; init; }
}

/// <summary>A token, its log-probability (none where nothing comes before it) and those of the likeliest beside it, and where its text begins.</summary>
/// <param name="Choice">The token.</param>
/// <param name="Offset">Code points of the text before it, an echoed prompt included.</param>
internal readonly record struct ToldToken(TokenChoice Choice, int Offset);
