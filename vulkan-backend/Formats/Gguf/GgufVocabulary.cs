using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>Reads a model's vocabulary from a GGUF file's metadata.</summary>
internal static class GgufVocabulary
{
    private const string SentencePiece = "llama";

    /// <summary>Reads the vocabulary.</summary>
    /// <param name="keys">The metadata.</param>
    /// <param name="label">The model's and the file's name, for messages.</param>
    /// <returns>Null where the file has none.</returns>
    /// <exception cref="ModelException">It is malformed, or not of Gemma's kind.</exception>
    public static GemmaTokenizer? Read(GgufMetadata keys, string label)
    {
        if (!keys.Has(GgufKeys.Tokens)) return null;
        if (keys.Text(GgufKeys.TokenizerModel) != SentencePiece) throw keys.Error(GgufKeys.TokenizerModel, $"\"{SentencePiece}\" (SentencePiece)");
        if (keys.Flag(GgufKeys.AddSpacePrefix) == true) throw keys.Error(GgufKeys.AddSpacePrefix, "false");
        string[] tokens = keys.Array<string>(GgufKeys.Tokens, "an array of strings");
        float[] scores = OnePerToken(keys.Array<float>(GgufKeys.Scores, "an array of 32-bit floats"), GgufKeys.Scores, tokens.Length, keys);
        int[] types = OnePerToken(keys.Array<int>(GgufKeys.TokenTypes, "an array of 32-bit integers"), GgufKeys.TokenTypes, tokens.Length, keys);
        int unknown = keys.Integer(GgufKeys.UnknownToken, 0, Math.Max(0, tokens.Length - 1), byDefault: Math.Max(0, Array.IndexOf(tokens, "<unk>")));
        return GemmaTokenizer.Create(
            [.. tokens.Select((token, id) => new Piece(token, scores[id], id == unknown ? PieceType.Unknown : TypeOf(token, types[id], keys)))], label);
    }

    /// <summary>
    /// Converters from Hugging Face's format call all pieces control that Hugging Face calls special. Gemma's own vocabulary has three of them;
    /// the others (turns, the mask, unused ones) are user-defined.
    /// </summary>
    private static PieceType TypeOf(string token, int type, GgufMetadata keys) => type switch
    {
        (int)PieceType.Control or (int)PieceType.Unknown when token is not ("<pad>" or "<bos>" or "<eos>") => PieceType.UserDefined,
        >= (int)PieceType.Normal and <= (int)PieceType.Byte => (PieceType)type,
        _ => throw keys.Error(GgufKeys.TokenTypes, $"an array of numbers from 1 to 6, not {type}"),
    };

    private static T[] OnePerToken<T>(T[] values, string key, int tokens, GgufMetadata keys) =>
        values.Length == tokens ? values : throw keys.Error(key, $"one of {tokens}, as many as {GgufKeys.Tokens} has");
}
