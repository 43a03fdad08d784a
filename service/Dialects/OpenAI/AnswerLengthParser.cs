using Gemma2.Backend;
using Gemma2.Service.Api;

namespace Gemma2.Service.Dialects.OpenAI;

/// <summary>Reads how long an answer may be.</summary>
internal static class AnswerLengthParser
{
    private const string MaxTokens = "max_tokens";
    private const string MaxCompletionTokens = "max_completion_tokens";

    /// <summary>What OpenAI's <c>/v1/completions</c> makes when <c>max_tokens</c> is left out; a chat goes on to the end of the context.</summary>
    private const int UsualTextTokens = 16;

    /// <summary>What some clients send for as many as there is room for.</summary>
    private const int AsFarAsItGoes = -1;

    /// <summary>The fields of <c>/v1/completions</c>.</summary>
    public static readonly string[] TextFields = [MaxTokens];

    /// <summary>The fields of <c>/v1/chat/completions</c>.</summary>
    public static readonly string[] ChatFields = [MaxTokens, MaxCompletionTokens];

    /// <summary>What a completion asks for, and what it gets where it asks for nothing.</summary>
    /// <param name="request">The request.</param>
    /// <param name="echo">Whether the prompt is told: then no answer need follow.</param>
    public static (int? Most, int? Usual) Text(RequestFields request, bool echo) => Read(request, MaxTokens, echo ? 0 : 1) switch
    {
        null => (null, UsualTextTokens),
        AsFarAsItGoes => (null, null),
        { } tokens => (tokens, null),
    };

    /// <summary>What a chat asks for.</summary>
    public static int? Chat(RequestFields request)
    {
        int? old = Read(request, MaxTokens, 1), current = Read(request, MaxCompletionTokens, 1);
        if (old is not null && current is not null && old != current)
            throw new InvalidRequestException(MaxTokens, $"{MaxTokens} and {MaxCompletionTokens} differ; send {MaxCompletionTokens} alone.");
        return (current ?? old) is > 0 and { } tokens ? tokens : null;
    }

    private static int? Read(RequestFields request, string name, int least)
    {
        int? tokens = (int?)request.Integer(name, AsFarAsItGoes, int.MaxValue);
        return tokens is null or AsFarAsItGoes || tokens >= least
            ? tokens
            : throw new InvalidRequestException(name, $"{name} is {tokens}; allowed are 1 or more, -1 for as many as there is room for, and in completions with echo 0.");
    }
}
