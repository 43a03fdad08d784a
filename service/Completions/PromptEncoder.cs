using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Text;

namespace Gemma2.Service.Completions;

/// <summary>Turns a prompt into the model's tokens, beginning-of-sequence token first.</summary>
internal static class PromptEncoder
{
    private const string BeginText = "<bos>";

    /// <summary>The prompt's tokens.</summary>
    /// <exception cref="InvalidRequestException">A token id is not in the vocabulary, or the conversation is not one that Gemma knows.</exception>
    public static IReadOnlyList<int> Encode(IInferenceEngine engine, Prompt prompt)
    {
        // A model without a tokenizer is not served.
        GemmaTokenizer tokenizer = engine.Tokenizer!;
        return prompt switch
        {
            Prompt.Text text => [tokenizer.Bos, .. tokenizer.Encode(WithoutBegin(text.Value))],
            Prompt.Tokens tokens => EncodeTokens(tokens.Ids, tokenizer.Bos, engine.Config.VocabularySize),
            Prompt.Chat chat => ChatTemplate.Encode(tokenizer, chat.Messages),
            _ => throw new NotSupportedException($"{prompt.GetType()} is no prompt."),
        };
    }

    // A client may have put the beginning-of-sequence token there itself, as text or as its id; twice it would change the answer.
    private static string WithoutBegin(string text) => text.StartsWith(BeginText, StringComparison.Ordinal) ? text[BeginText.Length..] : text;

    private static IReadOnlyList<int> EncodeTokens(IReadOnlyList<int> ids, int bos, int vocabularySize)
    {
        foreach (int id in ids)
            if (id < 0 || id >= vocabularySize)
                throw new InvalidRequestException("prompt", $"prompt has token id {id}; allowed are 0 to {vocabularySize - 1}.");
        return ids[0] == bos ? ids : [bos, .. ids];
    }
}
