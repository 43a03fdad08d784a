using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Service.Api;

namespace Gemma2.Service.Dialects.Anthropic;

/// <summary>Reads what ends an answer.</summary>
internal static class StopParser
{
    /// <summary>The field that is read here.</summary>
    public const string Field = "stop_sequences";

    /// <summary>The texts.</summary>
    public static string[] Parse(RequestFields request)
    {
        if (!request.TryGet(Field, out JsonElement value))
            return [];
        if (value.ValueKind != JsonValueKind.Array)
            throw new InvalidRequestException(Field, $"{Field} must be an array of strings.");
        if (value.GetArrayLength() > TextGeneration.MaxStops)
            throw new InvalidRequestException(Field, $"{Field} has {value.GetArrayLength()} texts; allowed are up to {TextGeneration.MaxStops}.");
        string[] texts = [.. value.EnumerateArray().Select((text, index) => RequestFields.Text(text, $"{Field}[{index}]"))];
        return texts.Contains("") ? throw new InvalidRequestException(Field, $"{Field} has an empty text; it would end every answer at once.") : texts;
    }
}
