using System.Diagnostics;
using System.Text;
using Gemma2.Backend.Engine;

namespace Gemma2.Service.Completions;

/// <summary>An answer as it grows: its text, why it ended, what it took.</summary>
/// <param name="promptTokens">Tokens in the prompt.</param>
internal sealed class CompletionResult(int promptTokens)
{
    private readonly StringBuilder _text = new();
    private readonly long _start = Stopwatch.GetTimestamp();

    public int PromptTokens { get; } = promptTokens;

    /// <summary>New tokens, with the end token where the model gave one.</summary>
    public int CompletionTokens { get; private set; }

    /// <summary>Tokens of the prompt whose keys and values the engine had from earlier requests.</summary>
    public int CachedTokens { get; private set; }

    public FinishReason Finish { get; private set; } = FinishReason.Length;

    public TimeSpan TimeToFirstToken { get; private set; }

    /// <summary>Time from the start to the newest piece, waiting for a turn included.</summary>
    public TimeSpan Total { get; private set; }

    public string Text => _text.ToString();

    public void Add(TextPiece piece)
    {
        Total = Stopwatch.GetElapsedTime(_start);
        if (piece.Token is not null && CompletionTokens++ == 0)
            TimeToFirstToken = Total;
        CachedTokens = piece.CachedTokens;
        _text.Append(piece.Text);
        Finish = piece.Finish ?? Finish;
    }
}
