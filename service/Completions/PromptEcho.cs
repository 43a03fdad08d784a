using System.Text;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Text;

namespace Gemma2.Service.Completions;

/// <summary>
/// A prompt as its answers begin with it: just what the client sent. A beginning-of-sequence token that this server put in front is not told; one that the client sent has no log-probability, as
/// nothing comes before it.
/// </summary>
/// <param name="Text">Its text; control tokens stand in it by name.</param>
/// <param name="Tokens">Its tokens, where log-probabilities are wanted.</param>
internal sealed record PromptEcho(string Text, IReadOnlyList<ToldToken> Tokens)
{
    /// <summary>The echo of a prompt.</summary>
    /// <param name="prompt">What the client sent.</param>
    /// <param name="scores">Log-probabilities of the tokens from the second on; null where none are wanted.</param>
    /// <param name="tokenizer">The vocabulary.</param>
    public static PromptEcho Of(EncodedPrompt prompt, IReadOnlyList<TokenChoice>? scores, GemmaTokenizer tokenizer)
    {
        var texts = new TokenTexts(tokenizer, namesControl: true);
        var text = new StringBuilder();
        var told = new List<ToldToken>();
        for (int i = prompt.Hidden; i < prompt.Tokens.Count; i++)
        {
            (int offset, string added) = texts.Next(prompt.Tokens[i]);
            text.Append(added);
            if (scores is not null)
                told.Add(new ToldToken(i == 0 ? new TokenChoice(prompt.Tokens[i]) : scores[i - 1], offset));
        }
        text.Append(texts.End());
        return new PromptEcho(prompt.Source is Prompt.Text source ? source.Value : text.ToString(), told);
    }
}
