using System.Text;
using Gemma2.Backend.Engine;

namespace Gemma2.Service.Completions;

/// <summary>One answer as it grows: its text, its tokens where they are told, why it ended.</summary>
/// <param name="keepsTokens">Whether its tokens are told.</param>
internal sealed class Choice(bool keepsTokens)
{
    private readonly StringBuilder _text = new();
    private readonly List<ToldToken> _tokens = [];
    private double _logProbability;
    private int _scored;

    public string Text => _text.ToString();

    /// <summary>The tokens that the text is of, where they are told.</summary>
    public IReadOnlyList<ToldToken> Tokens => _tokens;

    public FinishReason Finish { get; private set; } = FinishReason.Length;

    /// <summary>The stop text that ended it, where one did.</summary>
    public string? StopText { get; private set; }

    /// <summary>The mean of the log-probabilities of the answer's tokens: by it the best is found. An answer without tokens is the worst.</summary>
    public double MeanLogProbability => _scored == 0 ? double.NegativeInfinity : _logProbability / _scored;

    public void Add(AnswerPart part)
    {
        _text.Append(part.Text);
        if (keepsTokens)
            _tokens.AddRange(part.Tokens);
        Finish = part.Finish ?? Finish;
        StopText = part.StopText;
        if (part.IsPrompt)
            return;
        _scored += part.Tokens.Count;
        _logProbability += part.Tokens.Sum(token => token.Choice.LogProbability ?? 0);
    }
}
