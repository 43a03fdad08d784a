using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Service.Api;

namespace Gemma2.Service.Completions;

/// <summary>What can only be seen with the model at hand: whether prompts and answers fit its context, and whether it has the tokens that are named.</summary>
internal static class CompletionCheck
{
    /// <summary>Refuses what the model cannot answer.</summary>
    /// <exception cref="ApiException">Prompt and answer do not fit the context, or too much is to be told of them.</exception>
    /// <exception cref="InvalidRequestException">A field names a token that the model does not have.</exception>
    public static void Require(IInferenceEngine engine, CompletionRequest request, IReadOnlyList<EncodedPrompt> prompts)
    {
        request.Sampling.Over(engine.SamplingDefaults).Validate(engine.Config.VocabularySize);
        foreach (int token in request.StopTokens)
            if (!engine.Config.HasToken(token))
                throw new InvalidRequestException("stop_token_ids", $"stop_token_ids has token id {token}; allowed are {engine.Config.DescribeTokens()}.");
        foreach (EncodedPrompt prompt in prompts)
            RequireRoom(prompt.Tokens.Count, request, engine.ContextLength);
        RequireFewLogProbabilities(engine, request, prompts);
    }

    private static void RequireRoom(int promptTokens, CompletionRequest request, int contextLength)
    {
        // The engine tells of a prompt with the first token after it.
        int wanted = request.EndsWithContext ? 1 : Math.Max(1, request.MaxTokens ?? 1);
        if ((long)promptTokens + wanted > contextLength)
            throw new ApiException(ApiError.BadRequest(
                $"The context holds {contextLength} tokens; the prompt has {promptTokens} and the answer may take {wanted}. "
                + $"Shorten the prompt or lower {request.LengthField}.",
                request.PromptField, "context_length_exceeded"));
    }

    private static void RequireFewLogProbabilities(IInferenceEngine engine, CompletionRequest request, IReadOnlyList<EncodedPrompt> prompts)
    {
        if (request.Sampling.LogProbabilities is not { } top)
            return;
        long tokens = prompts.Sum(prompt =>
        {
            int room = engine.ContextLength - prompt.Tokens.Count;
            return (long)(Math.Min(room, request.MaxTokens ?? request.UsualMaxTokens ?? room) + (request.Echo ? prompt.Tokens.Count : 0)) * request.Tries;
        });
        if (tokens * (top + 1) > CompletionLimits.LogProbabilities)
            throw new InvalidRequestException(
                "logprobs",
                $"logprobs may tell of {tokens} tokens, and of {top} others beside each: more than {CompletionLimits.LogProbabilities} in all. "
                + $"Lower {request.LengthField}, the number of answers or prompts, or that of the others.");
    }
}
