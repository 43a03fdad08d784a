using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Grammars;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.OpenAI;

/// <summary>
/// Reads what answers must look like: OpenAI's <c>response_format</c>, vLLM's <c>guided_*</c> and <c>structured_outputs</c>, llama.cpp's <c>grammar</c>. At most one of them may ask for something.
/// </summary>
internal static class FormatParser
{
    private const string ResponseFormat = "response_format";
    private const string StructuredOutputs = "structured_outputs";

    private static readonly (string Field, Func<RequestFields, string, GrammarSource> Read)[] Guides =
    [
        ("guided_json", Schema), ("guided_regex", Regex), ("guided_choice", Choice), ("guided_grammar", Grammar), ("grammar", Grammar),
    ];

    private static readonly (string Field, Func<RequestFields, string, GrammarSource> Read)[] Outputs =
    [
        ("json", Schema), ("regex", Regex), ("choice", Choice), ("grammar", Grammar),
    ];

    /// <summary>The fields that are read here beside OpenAI's own.</summary>
    public static readonly string[] OtherFields = [StructuredOutputs, .. Guides.Select(guide => guide.Field)];

    /// <summary>The fields that are read here.</summary>
    public static readonly string[] Fields = [ResponseFormat, .. OtherFields];

    /// <summary>The form that is asked for; null where any will do.</summary>
    public static AnswerFormat? Parse(RequestFields request) => Parse(request, FromResponseFormat(request));

    /// <summary>The form that is asked for, where OpenAI's field has another shape than <c>response_format</c>.</summary>
    /// <param name="request">The request.</param>
    /// <param name="own">What OpenAI's field asks for; null for nothing.</param>
    public static AnswerFormat? Parse(RequestFields request, AnswerFormat? own)
    {
        AnswerFormat[] formats = [.. own is null ? [] : new[] { own }, .. FromStructuredOutputs(request), .. FromGuides(request, Guides)];
        return formats.Length <= 1
            ? formats.SingleOrDefault()
            : throw new InvalidRequestException(formats[1].Field, $"{formats[0].Field} and {formats[1].Field} both say what the answer must look like; send one of them.");
    }

    /// <summary>A format: <c>text</c> (null), <c>json_object</c> or <c>json_schema</c>.</summary>
    /// <param name="format">The object.</param>
    /// <param name="field">Where it is.</param>
    /// <param name="schemaOf">Gives the object that has a schema's name and the schema.</param>
    public static AnswerFormat? FromType(RequestFields format, string field, Func<RequestFields, RequestFields> schemaOf) => format.Required("type", format.String("type")) switch
    {
        "text" => null,
        // llama.cpp and others take a schema here too.
        "json_object" when format.TryGet("schema", out _) => new AnswerFormat(Schema(format, "schema"), format.Path("schema")),
        "json_object" => new AnswerFormat(new GrammarSource.JsonObject(), field),
        "json_schema" => FromJsonSchema(schemaOf(format)),
        var type => throw new InvalidRequestException(
            format.Path("type"), $"{format.Path("type")} is '{RequestFields.Quote(type)}'; allowed are text, json_object and json_schema."),
    };

    private static IEnumerable<AnswerFormat> FromGuides(RequestFields fields, (string Field, Func<RequestFields, string, GrammarSource> Read)[] guides) =>
        guides.Where(guide => fields.TryGet(guide.Field, out _)).Select(guide => new AnswerFormat(guide.Read(fields, guide.Field), fields.Path(guide.Field)));

    private static AnswerFormat? FromResponseFormat(RequestFields request) =>
        request.TryGet(ResponseFormat, out JsonElement value) ? FromType(new RequestFields(value, ResponseFormat), ResponseFormat, Nested) : null;

    /// <summary>OpenAI's nesting.</summary>
    private static RequestFields Nested(RequestFields format) => format.TryGet("json_schema", out JsonElement value)
        ? new RequestFields(value, format.Path("json_schema"))
        : throw new InvalidRequestException(format.Path("json_schema"), $"{format.Path("json_schema")} is missing.", ErrorCodes.Missing);

    /// <summary>Answers fit the schema whether it is strict or not; the name is for the model that is asked, which here sees none of it.</summary>
    private static AnswerFormat FromJsonSchema(RequestFields named)
    {
        _ = named.String("name");
        _ = named.String("description");
        _ = named.Boolean("strict");
        return named.TryGet("schema", out _)
            ? new AnswerFormat(Schema(named, "schema"), named.Path("schema"))
            : throw new InvalidRequestException(named.Path("schema"), $"{named.Path("schema")} is missing.", ErrorCodes.Missing);
    }

    private static IEnumerable<AnswerFormat> FromStructuredOutputs(RequestFields request)
    {
        if (!request.TryGet(StructuredOutputs, out JsonElement value))
            return [];
        var outputs = new RequestFields(value, StructuredOutputs);
        foreach (JsonProperty field in outputs.All)
            if (field.Name != "json_object" && Outputs.All(output => output.Field != field.Name) && field.Value.ValueKind != JsonValueKind.Null)
                throw new InvalidRequestException(
                    outputs.Path(RequestFields.Quote(field.Name)), $"{outputs.Path(RequestFields.Quote(field.Name))} is an unknown field; allowed are json, json_object, regex, choice and grammar.", ErrorCodes.UnknownField);
        IEnumerable<AnswerFormat> any = outputs.Boolean("json_object") == true ? [new AnswerFormat(new GrammarSource.JsonObject(), outputs.Path("json_object"))] : [];
        return [.. any, .. FromGuides(outputs, Outputs)];
    }

    /// <summary>A schema as an object or boolean, or as a string that holds one.</summary>
    private static GrammarSource.JsonSchema Schema(RequestFields fields, string name)
    {
        string path = fields.Path(name);
        _ = fields.TryGet(name, out JsonElement value);
        return value.ValueKind switch
        {
            JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False => new GrammarSource.JsonSchema(Bounded(value.GetRawText(), path)),
            JsonValueKind.String => new GrammarSource.JsonSchema(Bounded(RequestFields.Text(value, path), path)),
            _ => throw new InvalidRequestException(path, $"{path} must be a JSON schema: an object, or a string that holds one.", ErrorCodes.WrongType),
        };
    }

    private static GrammarSource.Regex Regex(RequestFields fields, string name) => new(Bounded(fields.String(name)!, fields.Path(name)));

    private static GrammarSource.Gbnf Grammar(RequestFields fields, string name) => new(Bounded(fields.String(name)!, fields.Path(name)));

    private static GrammarSource.Choice Choice(RequestFields fields, string name)
    {
        string path = fields.Path(name);
        _ = fields.TryGet(name, out JsonElement value);
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() == 0)
            throw new InvalidRequestException(path, $"{path} must be an array of strings, with at least one.", ErrorCodes.WrongType);
        _ = Bounded(value.GetRawText(), path);
        return new GrammarSource.Choice([.. value.EnumerateArray().Select((text, index) => new GrammarSource.Literal(RequestFields.Text(text, $"{path}[{index}]")))]);
    }

    private static string Bounded(string text, string path) => text.Length <= CompletionLimits.FormatLength
        ? text
        : throw new InvalidRequestException(path, $"{path} has {text.Length} characters; allowed are up to {CompletionLimits.FormatLength}.", ErrorCodes.StringTooLong);
}
