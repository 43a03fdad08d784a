using Gemma2.Backend.Config;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Files;

/// <summary>What a model's files say beside its weights, whatever their format.</summary>
public sealed record ModelDescription
{
    /// <summary>The model's configuration.</summary>
    public required Gemma2Config Config { get; init; }

    /// <summary>The model's vocabulary; null when it comes without one.</summary>
    public GemmaTokenizer? Tokenizer { get; init; }

    /// <summary>How its conversations become prompts; null when it comes without a vocabulary.</summary>
    public ChatTemplate? ChatTemplate { get; init; }

    /// <summary>How the model's makers want tokens picked where a request says nothing.</summary>
    public SamplingDefaults Sampling { get; init; } = SamplingDefaults.None;

    /// <summary>What was left aside or taken for granted while the files were read, for whoever wants to know: a line each, mostly none.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The same with a chat template. What that writes behind an answer ends one, too.</summary>
    /// <param name="text">The template; null for Gemma 2's own.</param>
    public ModelDescription WithChatTemplate(ChatTemplateText? text)
    {
        if (Tokenizer is null) return this;
        var template = ChatTemplate.Of(Tokenizer, text);
        ModelDescription described = this with { ChatTemplate = template };
        return template.EndOfTurn is { } end && end < Config.VocabularySize && !Config.EndTokens.Contains(end)
            ? described with
            {
                Config = Config with { EndTokens = [.. Config.EndTokens, end] },
                Notes = [.. Notes, $"{Tokenizer.Piece(end)} ({end}) ends an answer too: the chat template writes it behind each."],
            }
            : described;
    }
}
