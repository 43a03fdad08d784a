using Gemma2.Backend.Config;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>Reads a model's chat template from a GGUF file's metadata.</summary>
internal static class GgufChatTemplate
{
    /// <summary>Reads the template.</summary>
    /// <param name="keys">The metadata.</param>
    /// <param name="config">The model's configuration.</param>
    /// <param name="tokenizer">The model's vocabulary.</param>
    /// <returns>Null where the model has none.</returns>
    /// <exception cref="ModelException">The key holds no text.</exception>
    public static ChatTemplateText? Read(GgufMetadata keys, Gemma2Config config, GemmaTokenizer? tokenizer)
    {
        if (keys.Text(GgufKeys.ChatTemplate) is not { } jinja || tokenizer is null) return null;
        Dictionary<string, string?> tokens = new(StringComparer.Ordinal) { ["bos_token"] = tokenizer.Piece(config.BeginToken) };
        if (keys.Has(GgufKeys.EndToken)) tokens["eos_token"] = tokenizer.Piece(keys.Integer(GgufKeys.EndToken, 0, tokenizer.VocabularySize - 1));
        return new ChatTemplateText(jinja, GgufKeys.ChatTemplate) { Tokens = tokens };
    }
}
