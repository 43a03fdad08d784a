using System.Text;
using Gemma2.Backend.Text;

namespace Gemma2.Service.Completions;

/// <summary>How tokens are spelled that stand alone: by their text, control tokens by their names, half characters by their bytes.</summary>
internal static class TokenSpelling
{
    private const int FirstNotAscii = 0x80;

    /// <summary>A token's spelling.</summary>
    /// <param name="tokenizer">The vocabulary.</param>
    /// <param name="id">The token.</param>
    /// <param name="bytePrefix">What comes before the spelling of bytes.</param>
    public static string Spell(GemmaTokenizer tokenizer, int id, string bytePrefix = "")
    {
        if (!tokenizer.TryGetBytes(id, out byte[] bytes))
            return tokenizer.Piece(id);
        return IsHalf(bytes) ? $"{bytePrefix}\\x{bytes[0]:x2}" : Encoding.UTF8.GetString(bytes);
    }

    /// <summary>Whether a token's bytes are no character by themselves.</summary>
    public static bool IsHalf(byte[] bytes) => bytes is [>= FirstNotAscii];
}
