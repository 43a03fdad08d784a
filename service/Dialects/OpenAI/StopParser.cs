using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.OpenAI;

/// <summary>Reads what ends an answer.</summary>
internal static class StopParser
{
    /// <summary>Most texts; OpenAI's limit.</summary>
    private const int MostTexts = 4;

    private const string StopTokenIds = "stop_token_ids";

    /// <summary>The fields that are read here.</summary>
    public static readonly string[] Fields = ["stop", StopTokenIds];

    /// <summary><c>stop</c>: a text, or a few.</summary>
    public static string[] Texts(RequestFields request)
    {
        if (!request.TryGet("stop", out JsonElement value))
            return [];
        if (value.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
            throw new InvalidRequestException("stop", "stop must be a string or an array of strings.", ErrorCodes.WrongType);
        string[] texts = value.ValueKind == JsonValueKind.String
            ? [RequestFields.Text(value, "stop")]
            : value.GetArrayLength() <= MostTexts
                ? [.. value.EnumerateArray().Select((text, index) => RequestFields.Text(text, $"stop[{index}]"))]
                : throw new InvalidRequestException("stop", $"stop has {value.GetArrayLength()} texts; allowed are up to {MostTexts}.", ErrorCodes.ArrayTooLong);
        return texts.Contains("") ? throw new InvalidRequestException("stop", "stop has an empty text; it would end every answer at once.") : texts;
    }

    /// <summary><c>stop_token_ids</c>.</summary>
    public static int[] Tokens(RequestFields request)
    {
        if (!request.TryGet(StopTokenIds, out JsonElement value))
            return [];
        if (value.ValueKind != JsonValueKind.Array)
            throw new InvalidRequestException(StopTokenIds, $"{StopTokenIds} must be an array of token ids.", ErrorCodes.WrongType);
        return value.GetArrayLength() <= CompletionLimits.StopTokens
            ? [.. value.EnumerateArray().Select((id, index) => (int)RequestFields.Integer(id, $"{StopTokenIds}[{index}]", 0, int.MaxValue))]
            : throw new InvalidRequestException(StopTokenIds, $"{StopTokenIds} has {value.GetArrayLength()} tokens; allowed are up to {CompletionLimits.StopTokens}.", ErrorCodes.ArrayTooLong);
    }
}
