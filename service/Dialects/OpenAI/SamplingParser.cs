using System.Globalization;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.OpenAI;

/// <summary>Reads how tokens are picked. Names and ranges are OpenAI's; what OpenAI does not have is named as vLLM has it.</summary>
internal static class SamplingParser
{
    /// <summary>The fields that are read here.</summary>
    public static readonly string[] Fields =
        ["temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty", "logit_bias", "min_tokens"];

    /// <summary>Reads them; seed and log-probabilities are others'.</summary>
    public static RequestedSampling Parse(RequestFields request) => new()
    {
        Temperature = request.Number("temperature", 0, 2),
        TopP = TopP(request),
        TopK = TopK(request),
        MinP = request.Number("min_p", 0, 1),
        PresencePenalty = request.Number("presence_penalty", -2, 2) ?? 0,
        FrequencyPenalty = request.Number("frequency_penalty", -2, 2) ?? 0,
        RepetitionPenalty = RepetitionPenalty(request),
        LogitBias = LogitBias(request),
        MinTokens = (int)(request.Integer("min_tokens", 0, int.MaxValue) ?? 0),
    };

    /// <summary>0 is in OpenAI's range: no set of tokens is too small to reach it, so the likeliest alone stays.</summary>
    private static double? TopP(RequestFields request) => request.Number("top_p", 0, 1) is { } sum ? Math.Max(sum, double.Epsilon) : null;

    /// <summary>Off is 0 for some clients, -1 for others.</summary>
    private static int? TopK(RequestFields request) => request.Integer("top_k", -1, int.MaxValue) is { } most ? (int)Math.Max(most, 0) : null;

    private static double? RepetitionPenalty(RequestFields request)
    {
        double? penalty = request.Number("repetition_penalty", 0, double.MaxValue);
        return penalty is null or > 0 ? penalty : throw new InvalidRequestException("repetition_penalty", "repetition_penalty is 0; allowed are numbers above 0, and 1 is off.");
    }

    private static Dictionary<int, double>? LogitBias(RequestFields request)
    {
        const string name = "logit_bias";
        if (!request.TryGet(name, out JsonElement value))
            return null;
        if (value.ValueKind != JsonValueKind.Object)
            throw new InvalidRequestException(name, $"{name} must be an object: token ids, as strings, to numbers from -100 to 100.", ErrorCodes.WrongType);
        int count = value.GetPropertyCount();
        if (count > CompletionLimits.Biases)
            throw new InvalidRequestException(name, $"{name} has {count} tokens; allowed are up to {CompletionLimits.Biases}.");
        var biases = new Dictionary<int, double>(count);
        foreach (JsonProperty bias in value.EnumerateObject())
        {
            double number = RequestFields.Number(bias.Value, name, -100, 100);
            if (!biases.TryAdd(TokenId(bias.Name), number))
                throw new InvalidRequestException(name, $"{name} has token {bias.Name} twice.");
        }
        return count > 0 ? biases : null;
    }

    private static int TokenId(string name) => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int id)
        ? id
        : throw new InvalidRequestException("logit_bias", $"logit_bias has the token '{RequestFields.Quote(name)}'; a token is its id, as a string.");
}
