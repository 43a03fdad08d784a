using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>Reads a model's chat template from a GGUF file's metadata.</summary>
internal static class GgufChatTemplate
{
    /// <summary>Reads the template.</summary>
    /// <param name="keys">The metadata.</param>
    /// <param name="tokenizer">The model's vocabulary.</param>
    /// <returns>Null where the model has no vocabulary.</returns>
    /// <exception cref="ModelException">The key holds no text.</exception>
    public static ChatTemplate? Read(GgufMetadata keys, GemmaTokenizer? tokenizer)
    {
        ChatTemplateText? text = keys.Text(GgufKeys.ChatTemplate) is { } jinja ? new ChatTemplateText(jinja, GgufKeys.ChatTemplate) : null;
        return tokenizer is null ? null : ChatTemplate.Of(tokenizer, text);
    }
}
