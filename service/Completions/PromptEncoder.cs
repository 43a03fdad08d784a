using Gemma2.Backend;
using Gemma2.Backend.Config;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Text;

namespace Gemma2.Service.Completions;

/// <summary>A prompt in the model's tokens.</summary>
/// <param name="Source">What the client sent.</param>
/// <param name="Tokens">Its tokens, beginning-of-sequence token first.</param>
/// <param name="Hidden">How many of them the client did not send.</param>
internal sealed record EncodedPrompt(Prompt Source, IReadOnlyList<int> Tokens, int Hidden);

/// <summary>Turns a prompt into the model's tokens, beginning-of-sequence token first.</summary>
internal static class PromptEncoder
{
    private const string BeginText = "<bos>";

    /// <summary>The prompt's tokens.</summary>
    /// <exception cref="InvalidRequestException">A token id is not in the vocabulary, or the conversation is not one that the model knows.</exception>
    public static EncodedPrompt Encode(IInferenceEngine engine, Prompt prompt)
    {
        // A model without a tokenizer is not served.
        GemmaTokenizer tokenizer = engine.Tokenizer!;
        return prompt switch
        {
            // A client may have put the beginning-of-sequence token there itself, as text or as its id; twice it would change the answer.
            Prompt.Text text when text.Value.StartsWith(BeginText, StringComparison.Ordinal) =>
                new(prompt, [tokenizer.Bos, .. tokenizer.Encode(text.Value[BeginText.Length..])], 0),
            Prompt.Text text => new(prompt, [tokenizer.Bos, .. tokenizer.Encode(text.Value)], 1),
            Prompt.Tokens tokens => EncodeTokens(tokens, tokenizer.Bos, engine.Config),
            Prompt.Chat chat => new(prompt, EncodeChat(engine, chat), 0),
            _ => throw new NotSupportedException($"{prompt.GetType()} is no prompt."),
        };
    }

    private static int[] EncodeChat(IInferenceEngine engine, Prompt.Chat chat) =>
        engine.ChatTemplate!.Encode(chat.Messages, chat.ContinuesLast ? ChatEnding.ContinueLast : ChatEnding.OpenAnswer);

    private static EncodedPrompt EncodeTokens(Prompt.Tokens prompt, int bos, Gemma2Config config)
    {
        foreach (int id in prompt.Ids)
            if (!config.HasToken(id))
                throw new InvalidRequestException("prompt", $"prompt has token id {id}; allowed are {config.DescribeTokens()}.");
        return prompt.Ids[0] == bos ? new(prompt, prompt.Ids, 0) : new(prompt, [bos, .. prompt.Ids], 1);
    }
}
