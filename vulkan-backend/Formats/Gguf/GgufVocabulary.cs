using Gemma2.Backend.Formats.Tokenizers;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>Reads a model's vocabulary from a GGUF file's metadata.</summary>
internal static class GgufVocabulary
{
    private const int LongestVocabulary = 1 << 20;
    private const string SentencePiece = "llama";

    /// <summary>What llama.cpp calls a token of which nothing is said.</summary>
    private const int Undefined = 0;

    /// <summary>Reads the vocabulary.</summary>
    /// <param name="keys">The metadata.</param>
    /// <param name="label">The model's and the file's name, for messages.</param>
    /// <returns>Null where the file has none.</returns>
    /// <exception cref="ModelException">It is malformed, or not of Gemma's kind.</exception>
    /// <param name="tensors">The model's tensors: rows of the embedding beyond the vocabulary are spare.</param>
    public static GemmaTokenizer? Read(GgufMetadata keys, string label, IEnumerable<TensorEntry> tensors)
    {
        if (!keys.Has(GgufKeys.Tokens)) return null;
        if (keys.Text(GgufKeys.TokenizerModel) != SentencePiece) throw keys.Error(GgufKeys.TokenizerModel, $"\"{SentencePiece}\" (SentencePiece)");
        if (keys.Flag(GgufKeys.AddSpacePrefix) == true) throw keys.Error(GgufKeys.AddSpacePrefix, "false");
        string[] tokens = keys.Array<string>(GgufKeys.Tokens, "an array of strings");
        float[] scores = OnePerToken(keys.Array<float>(GgufKeys.Scores, "an array of 32-bit floats"), GgufKeys.Scores, tokens.Length, keys);
        int[] types = OnePerToken(keys.Array<int>(GgufKeys.TokenTypes, "an array of 32-bit integers"), GgufKeys.TokenTypes, tokens.Length, keys);
        int unknown = keys.Integer(GgufKeys.UnknownToken, 0, Math.Max(0, tokens.Length - 1), byDefault: Math.Max(0, Array.IndexOf(tokens, "<unk>")));
        TokenizerParts parts = new([.. tokens.Select((token, id) => new Piece(token, scores[id], id == unknown ? PieceType.Unknown : TypeOf(token, types[id], keys)))])
        {
            Begin = NameOf(GgufKeys.BeginToken),
            End = NameOf(GgufKeys.EndToken),
        };
        return GemmaTokenizer.Create(AddedPieces.FillUp(parts, EmbeddingRows(tensors)), label);

        string? NameOf(string key) => keys.Has(key) ? tokens[keys.Integer(key, 0, tokens.Length - 1)] : null;
    }

    private static int? EmbeddingRows(IEnumerable<TensorEntry> tensors) =>
        tensors.FirstOrDefault(tensor => tensor.Name == TensorNames.Embedding) is { Shape: [<= LongestVocabulary and long rows, _] } ? (int)rows : null;

    /// <summary>Converters from Hugging Face's format call all pieces control that Hugging Face calls special, also those that are user-defined in Gemma's own vocabulary.</summary>
    private static PieceType TypeOf(string token, int type, GgufMetadata keys) => type switch
    {
        _ when AddedPieces.IsNameOfSpare(token) => PieceType.Unused,
        Undefined => PieceType.Normal,
        (int)PieceType.Control or (int)PieceType.Unknown => AddedPieces.TypeOf(token, isSpecial: true),
        (int)PieceType.UserDefined => AddedPieces.TypeOf(token, isSpecial: false),
        >= (int)PieceType.Normal and <= (int)PieceType.Byte => (PieceType)type,
        _ => throw keys.Error(GgufKeys.TokenTypes, $"an array of numbers from 0 to 6, not {type}"),
    };

    private static T[] OnePerToken<T>(T[] values, string key, int tokens, GgufMetadata keys) =>
        values.Length == tokens ? values : throw keys.Error(key, $"one of {tokens}, as many as {GgufKeys.Tokens} has");
}
