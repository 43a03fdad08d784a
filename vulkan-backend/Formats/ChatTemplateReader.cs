using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Tokenizers;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats;

/// <summary>Reads a model's chat template.</summary>
public static class ChatTemplateReader
{
    /// <summary>Reads the template of a model of any format; weights beside a vocabulary file are not looked at.</summary>
    /// <param name="source">The model.</param>
    /// <param name="instead">A template that is used instead, with the model's names of its tokens; null for the model's own.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ModelException">The model has no vocabulary, or a file of it is not usable.</exception>
    public static async Task<ChatTemplate> ReadAsync(IModelSource source, ChatTemplateText? instead, CancellationToken cancellationToken)
    {
        IReadOnlyDictionary<string, long> listed = await source.ListAsync(cancellationToken).ConfigureAwait(false);
        if (FolderVocabulary.IsThere(listed))
        {
            GemmaTokenizer tokenizer = await TokenizerReader.ReadAsync(source, cancellationToken).ConfigureAwait(false);
            ChatTemplateText? found = await FolderChatTemplate.ReadAsync(source, listed, cancellationToken).ConfigureAwait(false);
            return ChatTemplate.Of(tokenizer, instead is null || found is null ? instead ?? found : instead with { Tokens = found.Tokens });
        }

        await using OpenModel model = await ModelReader.OpenAsync(source, cancellationToken).ConfigureAwait(false);
        if (instead is not null) model.UseChatTemplate(instead);
        return model.Description.ChatTemplate ?? throw new ModelException($"{source.Name}: has no vocabulary, so it takes no messages.");
    }
}
