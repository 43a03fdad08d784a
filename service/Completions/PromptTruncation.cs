using Gemma2.Backend.Engine;
using Gemma2.Backend.Text;

namespace Gemma2.Service.Completions;

/// <summary>Leaves the oldest messages of a chat out where it does not fit the context, for those who ask for that.</summary>
internal static class PromptTruncation
{
    // Of the context, for an answer whose length the request leaves open.
    private const int AnswersShare = 4;

    /// <summary>The request with as many of its newest messages as fit. Instructions at its beginning stay, and so does the last message.</summary>
    public static CompletionRequest Fit(IInferenceEngine engine, CompletionRequest request)
    {
        if (!request.Truncates || request.Prompts is not [Prompt.Chat chat] || Length(engine, chat) + Math.Max(1, request.MaxTokens ?? 1) <= engine.ContextLength)
            return request;
        int room = engine.ContextLength - (request.MaxTokens ?? engine.ContextLength / AnswersShare);
        int instructions = chat.Messages.TakeWhile(message => message.Role is not (ChatMessage.User or ChatMessage.Assistant)).Count();
        // The fewest that must go: the more go, the shorter is the rest.
        int tooFew = 0, enough = Math.Max(chat.Messages.Count - instructions - 1, 0);
        while (enough - tooFew > 1)
        {
            int middle = (tooFew + enough) / 2;
            if (Length(engine, Without(chat, instructions, middle)) <= room)
                enough = middle;
            else
                tooFew = middle;
        }
        return request with { Prompts = [Without(chat, instructions, enough)] };
    }

    private static int Length(IInferenceEngine engine, Prompt.Chat chat) => PromptEncoder.Encode(engine, chat).Tokens.Count;

    private static Prompt.Chat Without(Prompt.Chat chat, int instructions, int oldest) =>
        chat with { Messages = [.. chat.Messages.Take(instructions), .. chat.Messages.Skip(instructions + oldest)] };
}
