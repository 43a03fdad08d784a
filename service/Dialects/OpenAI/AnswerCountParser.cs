using Gemma2.Backend;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.OpenAI;

/// <summary>Reads how many answers are wanted, and keeps what a request asks for in all within limits.</summary>
internal static class AnswerCountParser
{
    private const string N = "n";
    private const string BestOf = "best_of";

    /// <summary>The fields of <c>/v1/completions</c>.</summary>
    public static readonly string[] TextFields = [N, BestOf];

    /// <summary>The fields of <c>/v1/chat/completions</c>.</summary>
    public static readonly string[] ChatFields = [N];

    /// <summary><c>n</c>: answers to each prompt.</summary>
    public static int Answers(RequestFields request, int prompts) => Count(request, N, prompts) ?? 1;

    /// <summary><c>best_of</c>: of so many the best are given. Which they are is known when all have ended, so it does not go with a stream.</summary>
    public static int Tries(RequestFields request, int prompts, int answers, bool stream)
    {
        int tries = Count(request, BestOf, prompts) ?? answers;
        if (tries < answers)
            throw new InvalidRequestException(BestOf, $"{BestOf} is {tries}; it must be at least n, which is {answers}.");
        return tries == answers || !stream
            ? tries
            : throw new InvalidRequestException(BestOf, $"{BestOf} above n does not go with stream: which answers are the best is known when all have ended.");
    }

    private static int? Count(RequestFields request, string name, int prompts)
    {
        int? count = (int?)request.Integer(name, 1, CompletionLimits.Answers);
        return (count ?? 1) * prompts <= CompletionLimits.AllAnswers
            ? count
            : throw new InvalidRequestException(name, $"{name} is {count}, for {prompts} prompts; allowed are up to {CompletionLimits.AllAnswers} answers in all.");
    }
}
