using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Grammars;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.Anthropic;

/// <summary>
/// Reads what answers must look like: <c>output_config.format</c>, and the same under its older name <c>output_format</c>. Source: Claude docs, "Structured outputs".
/// </summary>
internal static class OutputParser
{
    private const string Config = "output_config";
    private const string OldFormat = "output_format";
    private const string Schema = "schema";

    private static readonly string[] Efforts = ["low", "medium", "high", "xhigh", "max"];

    /// <summary>The fields that are read here.</summary>
    public static readonly string[] Fields = [Config, OldFormat];

    /// <summary>The form that is asked for; null where any will do.</summary>
    public static AnswerFormat? Parse(RequestFields request)
    {
        AnswerFormat? current = request.TryGet(Config, out JsonElement value) ? ReadConfig(new RequestFields(value, Config)) : null;
        AnswerFormat? old = ReadFormat(request, OldFormat);
        return current is null || old is null
            ? current ?? old
            : throw new InvalidRequestException(OldFormat, $"{OldFormat} and {Config}.format both say what the answer must look like; send {Config} alone.");
    }

    private static AnswerFormat? ReadConfig(RequestFields config)
    {
        foreach (JsonProperty field in config.All)
            if (field.Name is not ("format" or "effort") && field.Value.ValueKind != JsonValueKind.Null)
                throw new InvalidRequestException(config.Path(RequestFields.Quote(field.Name)), $"{config.Path(RequestFields.Quote(field.Name))} is an unknown field; allowed are format and effort.");
        // This model makes the same effort always.
        if (config.String("effort") is { } effort && !Efforts.Contains(effort))
            throw new InvalidRequestException(config.Path("effort"), $"{config.Path("effort")} is '{RequestFields.Quote(effort)}'; allowed are {string.Join(", ", Efforts)}.");
        return ReadFormat(config, "format");
    }

    private static AnswerFormat? ReadFormat(RequestFields fields, string name)
    {
        if (!fields.TryGet(name, out JsonElement value))
            return null;
        var format = new RequestFields(value, fields.Path(name));
        if (format.Required("type", format.String("type")) is not "json_schema" and var type)
            throw new InvalidRequestException(format.Path("type"), $"{format.Path("type")} is '{RequestFields.Quote(type)}'; allowed is json_schema.");
        string path = format.Path(Schema);
        if (!format.TryGet(Schema, out JsonElement schema))
            throw new InvalidRequestException(path, $"{path} is missing.");
        if (schema.ValueKind != JsonValueKind.Object)
            throw new InvalidRequestException(path, $"{path} must be a JSON schema, which is an object.");
        string text = schema.GetRawText();
        return text.Length <= CompletionLimits.FormatLength
            ? new AnswerFormat(new GrammarSource.JsonSchema(text), path)
            : throw new InvalidRequestException(path, $"{path} has {text.Length} characters; allowed are up to {CompletionLimits.FormatLength}.");
    }
}
