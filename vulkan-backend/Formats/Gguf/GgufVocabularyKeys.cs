using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Tokenizers;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>The metadata of a vocabulary, added tokens and spare rows included. Source: https://github.com/ggml-org/llama.cpp, convert_hf_to_gguf.py.</summary>
internal static class GgufVocabularyKeys
{
    /// <summary>Converters give this to what is not ranked by score.</summary>
    private const float UnrankedScore = -1000;

    /// <summary>And this to rows that stand for no token.</summary>
    private const float SpareScore = -10_000;

    /// <summary>Keys and values.</summary>
    public static IEnumerable<KeyValuePair<string, object>> Of(Gemma2Config config, Vocabulary vocabulary)
    {
        Piece[] pieces = [.. Enumerable.Range(0, vocabulary.Count).Select(id => vocabulary[id])];
        yield return new(GgufKeys.TokenizerModel, "llama");
        yield return new("tokenizer.ggml.pre", "default");
        yield return new(GgufKeys.Tokens, pieces.Select(NameOf).ToArray());
        yield return new(GgufKeys.Scores, Array.ConvertAll(pieces, ScoreOf));
        yield return new(GgufKeys.TokenTypes, Array.ConvertAll(pieces, piece => (int)(IsTurn(piece) ? PieceType.Control : piece.Type)));
        yield return new(GgufKeys.BeginToken, (uint)config.BeginToken);
        foreach ((string key, int token) in Named(config, vocabulary)) yield return new(key, (uint)token);
        yield return new("tokenizer.ggml.add_bos_token", true);
        yield return new("tokenizer.ggml.add_eos_token", false);
        yield return new(GgufKeys.AddSpacePrefix, false);
    }

    private static IEnumerable<(string Key, int Token)> Named(Gemma2Config config, Vocabulary vocabulary)
    {
        int end = vocabulary.TryFind("<eos>", out int eos) ? eos : config.EndTokens[0];
        yield return (GgufKeys.EndToken, end);
        // There are two keys more; what else ends a generation has none.
        IEnumerable<int> ends = vocabulary.TryFind("<end_of_turn>", out int turn) ? [turn, .. config.EndTokens] : config.EndTokens;
        foreach ((string key, int token) in new[] { GgufKeys.EndOfTurnToken, GgufKeys.EndOfMessageToken }.Zip(ends.Except([end]))) yield return (key, token);
        yield return (GgufKeys.UnknownToken, Enumerable.Range(0, vocabulary.Count).First(id => vocabulary[id].Type == PieceType.Unknown));
        if (vocabulary.TryFind("<pad>", out int pad)) yield return ("tokenizer.ggml.padding_token_id", pad);
    }

    /// <summary>User-defined pieces are looked for in the text as it is, before spaces become U+2581.</summary>
    private static string NameOf(Piece piece, int id) => piece.Type switch
    {
        PieceType.UserDefined => piece.Text.Replace(Vocabulary.Space, ' '),
        PieceType.Unused => AddedPieces.NameOfSpare(id),
        _ => piece.Text,
    };

    private static float ScoreOf(Piece piece) => piece.Type switch
    {
        PieceType.Normal or PieceType.Byte => piece.Score,
        PieceType.Unused => SpareScore,
        _ => UnrankedScore,
    };

    /// <summary>Converters call these control, as Hugging Face calls them special, and llama.cpp expects it.</summary>
    private static bool IsTurn(Piece piece) => piece.Text is "<start_of_turn>" or "<end_of_turn>";
}
