using System.Text;

namespace Gemma2.Backend.Text;

/// <summary>Turns the tokens of one answer into text as they come. Bytes of a character are held back until it is whole.</summary>
public sealed class IncrementalDetokenizer(GemmaTokenizer tokenizer)
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    /// <summary>Takes the next token and gives the text that can be shown now; often empty. Bytes that turn out to form no character become U+FFFD.</summary>
    /// <exception cref="InvalidRequestException">The id is not in the vocabulary.</exception>
    public string Append(int id)
    {
        if (tokenizer.TryGetByte(id, out byte value)) return Decode([value], flush: false);
        string text = tokenizer.Surface(id);
        return text.Length == 0 ? text : Flush() + text;
    }

    /// <summary>Ends what is held back: U+FFFD where an unfinished character is, else nothing.</summary>
    public string Flush() => Decode([], flush: true);

    private string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        // At most U+FFFD for what came before and one character.
        Span<char> chars = stackalloc char[4];
        int count = _decoder.GetChars(bytes, chars, flush);
        return count == 0 ? "" : new string(chars[..count]);
    }
}
