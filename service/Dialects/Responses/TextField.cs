using System.Collections.Frozen;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.OpenAI;

namespace Gemma2.Service.Dialects.Responses;

/// <summary>Reads <c>text</c>: the form of the answer. Source: OpenAI API reference, "Responses", <c>text</c>.</summary>
internal static class TextField
{
    /// <summary>The field.</summary>
    public const string Name = "text";

    private const string AnyText = """{"type":"text"}""";
    private const string Verbosity = "verbosity";

    private static readonly FrozenSet<string> Fields = FrozenSet.Create("format", Verbosity);
    private static readonly FrozenSet<string> FormatFields = FrozenSet.Create("type", "name", "description", "schema", "strict");

    /// <summary>The form that is asked for, null for any, and <c>text.format</c> as responses repeat it.</summary>
    public static (AnswerFormat? Format, string Told) Read(RequestFields request)
    {
        if (!request.TryGet(Name, out JsonElement value))
            return (null, AnyText);
        var text = new RequestFields(value, Name);
        UnsupportedFields.Check(text, Fields);
        if (text.String(Verbosity) is not (null or "medium"))
            throw new InvalidRequestException(text.Path(Verbosity), $"{text.Path(Verbosity)} is not supported but for the value \"medium\"; leave it out, and ask for short or long answers in the prompt.", ErrorCodes.UnsupportedValue);
        if (!text.TryGet("format", out JsonElement inner))
            return (null, AnyText);
        var format = new RequestFields(inner, text.Path("format"));
        UnsupportedFields.Check(format, FormatFields);
        return (FormatParser.FromType(format, text.Path("format"), flat => flat), Write(format));
    }

    private static string Write(RequestFields format) => JsonBody.ToText(json =>
    {
        string type = format.String("type")!;
        json.WriteStartObject();
        json.WriteString("type", type);
        if (type == "json_schema")
        {
            json.WriteString("description", format.String("description"));
            json.WriteString("name", format.String("name"));
        }
        if (format.TryGet("schema", out JsonElement schema))
        {
            json.WritePropertyName("schema");
            json.WriteRawValue(schema.GetRawText());
        }
        if (type == "json_schema")
            json.WriteBoolean("strict", format.Boolean("strict") ?? true);
        json.WriteEndObject();
    });
}
