using System.Text;

namespace Gemma2.Backend.Text;

/// <summary>Makes the pieces of a conversation's prompt tokens.</summary>
/// <param name="tokenizer">The model's vocabulary.</param>
internal sealed class ChatEncoder(GemmaTokenizer tokenizer)
{
    private readonly PieceMatcher _controls = new(
        Enumerable.Range(0, tokenizer.VocabularySize).Where(tokenizer.IsControl).Select(id => (tokenizer.Piece(id), id)));

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
        ids.AddRange(tokenizer.EncodeContent(text.ToString()));
        text.Clear();
    }
}
