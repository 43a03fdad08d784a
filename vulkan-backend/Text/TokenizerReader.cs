using Gemma2.Backend.Model;
using Gemma2.Backend.Weights;

namespace Gemma2.Backend.Text;

/// <summary>Reads a model's tokenizer.</summary>
public static class TokenizerReader
{
    /// <summary>The SentencePiece file beside the weights.</summary>
    public const string FileName = "tokenizer.model";

    /// <summary>Reads the tokenizer of a model of any format; weights beside a <see cref="FileName"/> are not looked at.</summary>
    /// <exception cref="ModelException">There is none, or it is not usable.</exception>
    public static async Task<GemmaTokenizer> ReadAsync(IModelSource source, CancellationToken cancellationToken)
    {
        if ((await source.ListAsync(cancellationToken).ConfigureAwait(false)).ContainsKey(FileName))
        {
            using Stream stream = await source.OpenAsync(FileName, cancellationToken).ConfigureAwait(false);
            return GemmaTokenizer.Load(stream, $"{source.Name}/{FileName}");
        }

        await using OpenModel model = await ModelReader.OpenAsync(source, cancellationToken).ConfigureAwait(false);
        return model.Tokenizer ?? throw new ModelException($"{source.Name}: has no {FileName}, nor a vocabulary in a GGUF file.");
    }

    /// <summary>Reads the tokenizer and checks that it fits the model.</summary>
    /// <returns>Null when the model has none.</returns>
    /// <exception cref="ModelException">It is malformed, or its vocabulary is not as large as the embedding.</exception>
    public static async Task<GemmaTokenizer?> ReadAsync(IModelSource source, Gemma2Config config, CancellationToken cancellationToken)
    {
        if (!(await source.ListAsync(cancellationToken).ConfigureAwait(false)).ContainsKey(FileName)) return null;
        using Stream stream = await source.OpenAsync(FileName, cancellationToken).ConfigureAwait(false);
        GemmaTokenizer tokenizer = GemmaTokenizer.Load(stream, FileName);
        if (tokenizer.VocabularySize != config.VocabularySize)
        {
            throw new ModelException(
                $"{FileName} has {tokenizer.VocabularySize} pieces, but config.json's vocab_size is {config.VocabularySize}: they belong to different models.");
        }
        return tokenizer;
    }
}
