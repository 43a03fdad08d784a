using System.Text;

namespace Gemma2.Backend.Text;

/// <summary>Makes the pieces of a conversation's prompt tokens.</summary>
internal sealed class ChatEncoder
{
    private readonly PieceMatcher _controls;
    private readonly Func<string, int[]> _encodeContent;

    /// <param name="tokenizer">The model's vocabulary.</param>
    /// <param name="ownTexts">What the template writes by itself. The markers in it, which a vocabulary may have as pieces like others, are control tokens here.</param>
    public ChatEncoder(GemmaTokenizer tokenizer, IEnumerable<string> ownTexts)
    {
        HashSet<int> markers = [.. ownTexts.SelectMany(text => tokenizer.Encode(text, special: true)).Where(id => IsMarker(tokenizer.Piece(id)))];
        _controls = new PieceMatcher(
            Enumerable.Range(0, tokenizer.VocabularySize).Where(id => tokenizer.IsControl(id) || markers.Contains(id)).Select(id => (tokenizer.Piece(id), id)));
        _encodeContent = tokenizer.ContentEncoder(markers);
    }

    /// <summary>Whether a piece looks like what marks a turn: <c>&lt;|im_start|&gt;</c>, <c>[INST]</c>.</summary>
    public static bool IsMarker(string piece) => piece is ['<', _, .., '>'] or ['[', _, .., ']'];

    /// <summary>
    /// The tokens. Names of control tokens become these where the template wrote them, and stay text in content. Where no content names one, the tokens are those that
    /// Hugging Face's tokenizer gives for the whole text.
    /// </summary>
    public int[] Encode(IEnumerable<ChatPart> parts)
    {
        List<int> ids = [];
        var text = new StringBuilder();
        foreach (ChatPart part in parts)
        {
            int done = 0;
            while (!part.IsContent && _controls.TryFind(part.Text, done, out int start, out int length, out int id))
            {
                EncodeText(text.Append(part.Text, done, start - done), ids);
                ids.Add(id);
                done = start + length;
            }
            text.Append(part.Text, done, part.Text.Length - done);
        }
        EncodeText(text, ids);
        return [.. ids];
    }

    private void EncodeText(StringBuilder text, List<int> ids)
    {
        ids.AddRange(_encodeContent(text.ToString()));
        text.Clear();
    }
}
