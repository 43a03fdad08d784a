using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Grammars.Tools;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.Anthropic;

/// <summary>Reads <c>tools</c> and <c>tool_choice</c>. Source: Claude API reference, "Create a Message".</summary>
internal static class ToolParser
{
    /// <summary>The functions.</summary>
    public const string Tools = "tools";

    private const string ToolChoice = "tool_choice";
    private const string InputSchema = "input_schema";

    /// <summary>Most functions of a request.</summary>
    private const int MostTools = 128;

    /// <summary>Longest name of one.</summary>
    private const int LongestName = 128;

    /// <summary>The fields that are read here.</summary>
    public static readonly string[] Fields = [Tools, ToolChoice];

    /// <summary>The functions that the model may call; null where it may call none.</summary>
    public static ToolRequest? Parse(RequestFields request)
    {
        Tool[] tools = ReadTools(request);
        if (!request.TryGet(ToolChoice, out JsonElement value))
            return tools.Length > 0 ? new ToolRequest(tools, tools, ToolUse.Auto, IsParallel: true, InputSchema) : null;
        var choice = new RequestFields(value, ToolChoice);
        bool isParallel = !(choice.Boolean("disable_parallel_tool_use") ?? false);
        (ToolUse? use, string? only) = ReadChoice(choice, tools);
        return use is { } known && tools.Length > 0
            ? new ToolRequest(tools, only is null ? tools : [.. tools.Where(tool => tool.Name == only)], known, isParallel, InputSchema)
            : null;
    }

    private static Tool[] ReadTools(RequestFields request)
    {
        if (!request.TryGet(Tools, out JsonElement value))
            return [];
        if (value.ValueKind != JsonValueKind.Array)
            throw new InvalidRequestException(Tools, "tools must be an array.");
        if (value.GetArrayLength() > MostTools)
            throw new InvalidRequestException(Tools, $"tools has {value.GetArrayLength()} entries; allowed are up to {MostTools}.");
        Tool[] tools = [.. value.EnumerateArray().Select((entry, index) => ReadTool(new RequestFields(entry, $"{Tools}[{index}]")))];
        return tools.GroupBy(tool => tool.Name).FirstOrDefault(same => same.Count() > 1) is { } twice
            ? throw new InvalidRequestException(Tools, $"tools has the name '{twice.Key}' more than once.")
            : tools;
    }

    /// <summary>
    /// A function. What else an entry says (<c>cache_control</c>, <c>strict</c>, <c>input_examples</c>, <c>eager_input_streaming</c> ...) cannot change what is called: arguments always fit the schema.
    /// </summary>
    private static Tool ReadTool(RequestFields entry)
    {
        if (entry.String("type") is not (null or "custom") and var type)
            throw new InvalidRequestException(
                entry.Path("type"), $"{entry.Path("type")} is '{RequestFields.Quote(type)}', which this server does not have; allowed is custom, a function with an {InputSchema}.");
        return new Tool(ReadName(entry), entry.String("description"), ReadSchema(entry));
    }

    private static string ReadName(RequestFields entry)
    {
        string name = entry.Required("name", entry.String("name"));
        return Tool.IsName(name, LongestName)
            ? name
            : throw new InvalidRequestException(
                entry.Path("name"), $"{entry.Path("name")} is '{RequestFields.Quote(name)}'; allowed are 1 to {LongestName} letters, digits, underscores and dashes.");
    }

    private static string ReadSchema(RequestFields entry)
    {
        string path = entry.Path(InputSchema);
        if (!entry.TryGet(InputSchema, out JsonElement value))
            throw new InvalidRequestException(path, $"{path} is missing.");
        var schema = new RequestFields(value, path);
        string text = RequestFields.Json(value, path);
        return schema.Required("type", schema.String("type")) == "object"
            ? text
            : throw new InvalidRequestException(schema.Path("type"), $"{schema.Path("type")} must be object.");
    }

    /// <returns>How they are used, null for not at all; and the only one that may be called, where one is named.</returns>
    private static (ToolUse? Use, string? Only) ReadChoice(RequestFields choice, Tool[] tools) => choice.Required("type", choice.String("type")) switch
    {
        "none" => (null, null),
        "auto" => (ToolUse.Auto, null),
        "any" when tools.Length > 0 => (ToolUse.Required, null),
        "any" => throw new InvalidRequestException(ToolChoice, $"{choice.Path("type")} is any, but tools is empty."),
        "tool" => (ToolUse.Required, ReadNamed(choice, tools)),
        var type => throw new InvalidRequestException(choice.Path("type"), $"{choice.Path("type")} is '{RequestFields.Quote(type)}'; allowed are auto, any, tool and none."),
    };

    private static string ReadNamed(RequestFields choice, Tool[] tools)
    {
        string name = choice.Required("name", choice.String("name"));
        return tools.Any(tool => tool.Name == name)
            ? name
            : throw new InvalidRequestException(choice.Path("name"), $"{choice.Path("name")} is '{RequestFields.Quote(name)}'; tools has no such name.");
    }
}
