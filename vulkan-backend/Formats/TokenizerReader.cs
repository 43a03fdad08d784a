using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats;

/// <summary>Reads a model's tokenizer.</summary>
public static class TokenizerReader
{
    /// <summary>Reads the tokenizer of a model of any format; weights beside a <see cref="SentencePieceModel.FileName"/> are not looked at.</summary>
    /// <exception cref="ModelException">There is none, or it is not usable.</exception>
    public static async Task<GemmaTokenizer> ReadAsync(IModelSource source, CancellationToken cancellationToken)
    {
        if ((await source.ListAsync(cancellationToken).ConfigureAwait(false)).ContainsKey(SentencePieceModel.FileName))
        {
            using var stream = new ModelFileStream(await source.OpenAsync(SentencePieceModel.FileName, cancellationToken).ConfigureAwait(false));
            return GemmaTokenizer.Load(stream, $"{source.Name}/{SentencePieceModel.FileName}");
        }

        await using OpenModel model = await ModelReader.OpenAsync(source, cancellationToken).ConfigureAwait(false);
        return model.Tokenizer ?? throw new ModelException($"{source.Name}: has no {SentencePieceModel.FileName}, nor a vocabulary in a GGUF file.");
    }
}
