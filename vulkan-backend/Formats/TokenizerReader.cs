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
        return model.Tokenizer ?? throw new ModelException($"{source.Name}: has no {FolderVocabulary.SentencePieceName}, nor {TokenizerJson.FileName}, nor a vocabulary in a GGUF file.");
    }

    /// <summary>Makes the tokenizer of a bare <c>tokenizer.json</c>.</summary>
    /// <param name="json">The file's bytes.</param>
    /// <param name="fileName">The file's name, for messages.</param>
    /// <exception cref="ModelException">It is malformed, or asks for what is not supported.</exception>
    public static GemmaTokenizer ReadJson(ReadOnlySpan<byte> json, string fileName) => GemmaTokenizer.Create(TokenizerJson.Read(json, fileName), fileName);
}
