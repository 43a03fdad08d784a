using Gemma2.Backend.Config;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Files;

/// <summary>The vocabulary beside safetensors files.</summary>
public static class SentencePieceModel
{
    /// <summary>The SentencePiece file beside the weights.</summary>
    public const string FileName = "tokenizer.model";

    /// <summary>Reads the tokenizer and checks that it fits the model.</summary>
    /// <returns>Null when the model has none.</returns>
    /// <exception cref="ModelException">It is malformed, or its vocabulary is not as large as the embedding.</exception>
    public static async Task<GemmaTokenizer?> ReadAsync(IModelSource source, Gemma2Config config, CancellationToken cancellationToken)
    {
        if (!(await source.ListAsync(cancellationToken).ConfigureAwait(false)).ContainsKey(FileName)) return null;
        using var stream = new ModelFileStream(await source.OpenAsync(FileName, cancellationToken).ConfigureAwait(false));
        GemmaTokenizer tokenizer = GemmaTokenizer.Load(stream, FileName);
        if (tokenizer.VocabularySize != config.VocabularySize)
        {
            throw new ModelException(
                $"{FileName} has {tokenizer.VocabularySize} pieces, but config.json's vocab_size is {config.VocabularySize}: they belong to different models.");
        }
        return tokenizer;
    }
}
