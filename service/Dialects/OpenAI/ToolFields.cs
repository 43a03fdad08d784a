using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gemma2.Backend;
using Gemma2.Grammars.Tools;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.OpenAI;

/// <summary>Reads <c>tools</c>, <c>tool_choice</c> and <c>parallel_tool_calls</c>.</summary>
internal static class ToolFields
{
    /// <summary>Most functions of a request; OpenAI's limit.</summary>
    public const int MostTools = 128;

    /// <summary>The functions.</summary>
    public const string Tools = "tools";

    private const string ToolChoice = "tool_choice";
    private const string ParallelToolCalls = "parallel_tool_calls";

    /// <summary>The fields that are read here.</summary>
    public static readonly string[] Fields = [Tools, ToolChoice, ParallelToolCalls];

    private static readonly FrozenSet<string> EntryFields = FrozenSet.Create("type", "function");
    private static readonly FrozenSet<string> FunctionFields = FrozenSet.Create("name", "description", "parameters", "strict");

    /// <summary>The functions that the model may call; null where it may call none.</summary>
    public static ToolRequest? Read(RequestFields request)
    {
        bool isParallel = request.Boolean(ParallelToolCalls) ?? true;
        Tool[] tools = ReadTools(request, ReadTool);
        (ToolUse? use, string? only) = ReadChoice(request, tools);
        if (use is null || tools.Length == 0)
            return null;
        Tool[] callable = only is null ? tools : [.. tools.Where(tool => tool.Name == only)];
        return new ToolRequest(tools, callable, use.Value, isParallel, "function.parameters");
    }

    /// <summary><c>tools</c>: no two of one name.</summary>
    /// <param name="request">The request.</param>
    /// <param name="readTool">Reads an entry.</param>
    public static Tool[] ReadTools(RequestFields request, Func<RequestFields, Tool> readTool)
    {
        if (!request.TryGet(Tools, out JsonElement value))
            return [];
        if (value.ValueKind != JsonValueKind.Array)
            throw new InvalidRequestException(Tools, "tools must be an array.", ErrorCodes.WrongType);
        if (value.GetArrayLength() > MostTools)
            throw new InvalidRequestException(Tools, $"tools has {value.GetArrayLength()} entries; allowed are up to {MostTools}.", ErrorCodes.ArrayTooLong);
        Tool[] tools = [.. value.EnumerateArray().Select((entry, index) => readTool(new RequestFields(entry, $"tools[{index}]")))];
        return tools.GroupBy(tool => tool.Name).FirstOrDefault(same => same.Count() > 1) is { } twice
            ? throw new InvalidRequestException(Tools, $"tools has the function '{twice.Key}' more than once.")
            : tools;
    }

    private static Tool ReadTool(RequestFields entry)
    {
        UnsupportedFields.Check(entry, EntryFields);
        CheckType(entry);
        if (!entry.TryGet("function", out JsonElement value))
            throw new InvalidRequestException(entry.Path("function"), $"{entry.Path("function")} is missing.", ErrorCodes.Missing);
        var function = new RequestFields(value, entry.Path("function"));
        UnsupportedFields.Check(function, FunctionFields);
        return ReadFunction(function);
    }

    /// <summary>A function: <c>name</c>, <c>description</c>, <c>parameters</c>, <c>strict</c>.</summary>
    public static Tool ReadFunction(RequestFields function)
    {
        _ = function.Boolean("strict");
        return new Tool(ReadName(function), function.String("description"), ReadParameters(function));
    }

    /// <summary><c>type</c>: functions are the only tools.</summary>
    public static void CheckType(RequestFields entry)
    {
        if (entry.Required("type", entry.String("type")) is not "function" and var type)
            throw new InvalidRequestException(entry.Path("type"), $"{entry.Path("type")} is '{RequestFields.Quote(type)}'; allowed is function.");
    }

    private static string ReadName(RequestFields function)
    {
        string name = function.Required("name", function.String("name"));
        return Tool.IsName(name)
            ? name
            : throw new InvalidRequestException(
                function.Path("name"),
                $"{function.Path("name")} is '{RequestFields.Quote(name)}'; allowed are 1 to {Tool.LongestName} letters, digits, underscores and dashes.");
    }

    // Arguments are an object, whatever else the schema says of them.
    private static string ReadParameters(RequestFields function)
    {
        if (!function.TryGet("parameters", out JsonElement value))
            return Tool.NoParameters;
        if (value.ValueKind != JsonValueKind.Object)
            throw new InvalidRequestException(function.Path("parameters"), $"{function.Path("parameters")} must be a JSON schema, which is an object.", ErrorCodes.WrongType);
        string text = RequestFields.Json(value, function.Path("parameters"));
        if (value.TryGetProperty("type", out _))
            return text;
        JsonNode schema = JsonNode.Parse(text)!;
        schema["type"] = "object";
        return schema.ToJsonString();
    }

    /// <returns>How they are used, null for not at all; and the only one that may be called, where one is named.</returns>
    private static (ToolUse? Use, string? Only) ReadChoice(RequestFields request, Tool[] tools)
    {
        const string allowed = "allowed are none, auto, required and {\"type\":\"function\",\"function\":{\"name\":...}}";
        if (!request.TryGet(ToolChoice, out JsonElement value))
            return (ToolUse.Auto, null);
        if (value.ValueKind == JsonValueKind.Object)
            return (ToolUse.Required, ReadNamed(new RequestFields(value, ToolChoice), tools));
        return RequestFields.Text(value, ToolChoice) switch
        {
            "none" => (null, null),
            "auto" => (ToolUse.Auto, null),
            "required" when tools.Length > 0 => (ToolUse.Required, null),
            "required" => throw new InvalidRequestException(ToolChoice, "tool_choice is required, but tools is empty."),
            var other => throw new InvalidRequestException(ToolChoice, $"tool_choice is '{RequestFields.Quote(other)}'; {allowed}."),
        };
    }

    private static string ReadNamed(RequestFields choice, Tool[] tools)
    {
        UnsupportedFields.Check(choice, EntryFields);
        CheckType(choice);
        if (!choice.TryGet("function", out JsonElement value))
            throw new InvalidRequestException(choice.Path("function"), $"{choice.Path("function")} is missing.", ErrorCodes.Missing);
        var function = new RequestFields(value, choice.Path("function"));
        UnsupportedFields.Check(function, FunctionFields);
        string name = function.Required("name", function.String("name"));
        return tools.Any(tool => tool.Name == name)
            ? name
            : throw new InvalidRequestException(function.Path("name"), $"{function.Path("name")} is '{RequestFields.Quote(name)}'; tools has no such function.");
    }
}
