using Gemma2.Backend.Text;

namespace Gemma2.Service.Completions;

/// <summary>What tokens add to a text, one after the other, and where in it each begins.</summary>
/// <param name="tokenizer">The vocabulary.</param>
/// <param name="start">Code points before the first.</param>
/// <param name="namesControl">Whether control tokens stand in the text by their names, as in a prompt; in an answer they have no text.</param>
internal sealed class TokenTexts(GemmaTokenizer tokenizer, int start = 0, bool namesControl = false)
{
    private readonly IncrementalDetokenizer _detokenizer = new(tokenizer);

    /// <summary>Code points of the text so far; a character that is not whole yet is not counted.</summary>
    public int Length { get; private set; } = start;

    /// <summary>Takes the next token.</summary>
    /// <param name="id">The token.</param>
    /// <returns>Where its text begins, and what is to be added to the text now.</returns>
    public (int Offset, string Text) Next(int id)
    {
        bool isControl = tokenizer.IsControl(id);
        if (isControl && !namesControl)
            return (Length, "");
        // Bytes that no other byte completes come out before the token that follows them.
        bool isHalf = tokenizer.TryGetBytes(id, out byte[] bytes) && TokenSpelling.IsHalf(bytes);
        string unfinished = isHalf ? "" : Add(_detokenizer.Flush());
        int offset = Length;
        return (offset, unfinished + Add(isControl ? tokenizer.Piece(id) : _detokenizer.Append(id)));
    }

    /// <summary>Ends the text: U+FFFD where an unfinished character is.</summary>
    public string End() => Add(_detokenizer.Flush());

    private string Add(string text)
    {
        Length += CodePoints.Count(text);
        return text;
    }
}
