using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Tokenizers;

/// <summary>The vocabulary beside safetensors files: <c>tokenizer.model</c>, or <c>tokenizer.json</c> where that is missing, and the tokens that other files add to it.</summary>
internal static class FolderVocabulary
{
    /// <summary>The SentencePiece file beside the weights.</summary>
    public const string SentencePieceName = "tokenizer.model";

    // Gemma 2's has 4 MB.
    private const int LongestSentencePiece = 64 << 20;

    /// <summary>Whether a model has a vocabulary.</summary>
    public static bool IsThere(IReadOnlyDictionary<string, long> listed) => listed.ContainsKey(SentencePieceName) || listed.ContainsKey(TokenizerJson.FileName);

    /// <summary>Reads the tokenizer.</summary>
    /// <param name="source">The model.</param>
    /// <param name="listed">Its files and their lengths.</param>
    /// <param name="rows">Rows of the embedding, as config.json has them; null where they are not known.</param>
    /// <param name="notes">Takes what was left aside.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <returns>Null when the model has none.</returns>
    /// <exception cref="ModelException">A file is malformed, or the vocabulary is larger than the embedding.</exception>
    public static async Task<GemmaTokenizer?> ReadAsync(
        IModelSource source, IReadOnlyDictionary<string, long> listed, int? rows, List<string> notes, CancellationToken cancellationToken)
    {
        if (!IsThere(listed)) return null;
        bool isSentencePiece = listed.ContainsKey(SentencePieceName);
        string name = isSentencePiece ? SentencePieceName : TokenizerJson.FileName, label = $"{source.Name}/{name}";
        byte[] file = await ModelStream.ReadFileAsync(source, listed, name, isSentencePiece ? LongestSentencePiece : TokenizerJson.LongestFile, cancellationToken);
        TokenizerParts parts = isSentencePiece ? SentencePieceFile.Read(new MemoryStream(file), label) : TokenizerJson.Read(file, label);
        if (parts.Pieces.Length > rows)
            throw new ModelException($"{label} has {parts.Pieces.Length} pieces, but config.json's vocab_size is {rows}: they belong to different models.");

        TokenizerSettings settings = await TokenizerSettings.ReadAsync(source, listed, cancellationToken);
        return GemmaTokenizer.Create(AddedPieces.Apply(parts, settings, rows, notes), label);
    }
}
