using Gemma2.Backend.Engine;

namespace Gemma2.Service.Completions;

/// <summary>
/// Makes the parts of one answer of what the engine gives: each token goes with the text that it is of. Tokens wait with text that is held back; those of a stop text are not told, as it is not.
/// </summary>
/// <param name="answer">Its number.</param>
/// <param name="start">Code points of an echoed prompt before it.</param>
/// <param name="tells">Whether tokens are told.</param>
/// <param name="generation">What is generated.</param>
/// <param name="tellsEnd">Whether the token that ends the answer is told, which has no text.</param>
/// <param name="engine">The model.</param>
internal sealed class AnswerReader(int answer, int start, bool tells, bool tellsEnd, GenerationRequest generation, IInferenceEngine engine)
{
    private readonly TokenTexts _texts = new(engine.Tokenizer!, start);
    private readonly Queue<ToldToken> _waiting = [];
    private int _shown = start;
    private bool _isAtEndToken;

    /// <summary>The next part.</summary>
    public AnswerPart Read(TextPiece piece)
    {
        _shown += CodePoints.Count(piece.Text);
        if (piece.Choice is { } choice)
        {
            _isAtEndToken = generation.StopTokens.Contains(choice.Id) || (!generation.IgnoreEndTokens && engine.Config.EndTokens.Contains(choice.Id));
            if (tells && (tellsEnd || !_isAtEndToken))
                _waiting.Enqueue(new ToldToken(choice, _isAtEndToken ? _texts.Length : _texts.Next(choice.Id).Offset));
        }
        return new AnswerPart
        {
            Answer = answer,
            Text = piece.Text,
            Tokens = Tell(piece.Finish),
            NewTokens = piece.Choice is null ? 0 : 1,
            CachedTokens = piece.CachedTokens,
            Finish = piece.Finish,
            StopText = piece.StopText,
        };
    }

    private List<ToldToken> Tell(FinishReason? finish)
    {
        bool all = finish == FinishReason.Length || (finish == FinishReason.Stop && _isAtEndToken);
        var told = new List<ToldToken>();
        while (_waiting.TryPeek(out ToldToken token) && (all || token.Offset < _shown))
            told.Add(_waiting.Dequeue());
        return told;
    }
}
