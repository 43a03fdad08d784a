using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Tokenizers;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats;

/// <summary>Reads a model's tokenizer.</summary>
public static class TokenizerReader
{
    /// <summary>Reads the tokenizer of a model of any format; weights beside a vocabulary file are not looked at.</summary>
    /// <exception cref="ModelException">There is none, or it is not usable.</exception>
    public static async Task<GemmaTokenizer> ReadAsync(IModelSource source, CancellationToken cancellationToken)
    {
        IReadOnlyDictionary<string, long> listed = await source.ListAsync(cancellationToken).ConfigureAwait(false);
        if (await FolderVocabulary.ReadAsync(source, listed, rows: null, notes: [], cancellationToken).ConfigureAwait(false) is { } tokenizer) return tokenizer;
        await using OpenModel model = await ModelReader.OpenAsync(source, cancellationToken).ConfigureAwait(false);
        return model.Tokenizer ?? throw new ModelException($"{source.Name}: has no {FolderVocabulary.SentencePieceName}, nor a vocabulary in a GGUF file.");
    }
}
