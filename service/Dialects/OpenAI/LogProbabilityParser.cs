using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Decoding;
using Gemma2.Service.Api;

namespace Gemma2.Service.Dialects.OpenAI;

/// <summary>Reads which log-probabilities are wanted: none (null), or those of the tokens and of so many of the likeliest beside each.</summary>
internal static class LogProbabilityParser
{
    private const string LogProbs = "logprobs";
    private const string TopLogProbs = "top_logprobs";

    /// <summary>The fields of <c>/v1/completions</c>.</summary>
    public static readonly string[] TextFields = [LogProbs];

    /// <summary>The fields of <c>/v1/chat/completions</c>.</summary>
    public static readonly string[] ChatFields = [LogProbs, TopLogProbs];

    /// <summary><c>/v1/completions</c> has one number; <c>false</c>, the other API's word for none, is understood too.</summary>
    public static int? Text(RequestFields request) =>
        request.TryGet(LogProbs, out JsonElement value) && value.ValueKind == JsonValueKind.False ? null : (int?)request.Integer(LogProbs, 0, SamplingOptions.MaxLogProbabilities);

    /// <summary><c>/v1/chat/completions</c> has a switch and a number.</summary>
    public static int? Chat(RequestFields request)
    {
        bool isWanted = request.Boolean(LogProbs) ?? false;
        int top = (int)(request.Integer(TopLogProbs, 0, SamplingOptions.MaxLogProbabilities) ?? 0);
        if (top > 0 && !isWanted)
            throw new InvalidRequestException(TopLogProbs, $"{TopLogProbs} is allowed only where {LogProbs} is true.");
        return isWanted ? top : null;
    }
}
