using System.Collections.Frozen;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Grammars.Tools;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.OpenAI;

namespace Gemma2.Service.Dialects.Responses;

/// <summary>
/// What a request says of functions. Tools and choices have the same fields as those of chats, without their nesting. Source: OpenAI API reference, "Responses", <c>tools</c> and <c>tool_choice</c>.
/// </summary>
/// <param name="Request">The functions that the model may call; null where it may call none.</param>
/// <param name="Choice"><c>tool_choice</c> as JSON.</param>
/// <param name="IsParallel">Whether it may call several at once.</param>
/// <param name="Tools"><c>tools</c> as JSON.</param>
internal sealed record ResponsesTools(ToolRequest? Request, string Choice, bool IsParallel, IReadOnlyList<string> Tools)
{
    private const string ToolChoice = "tool_choice";
    private const string ParallelToolCalls = "parallel_tool_calls";
    private const string Function = "function";
    private const string AllowedTools = "allowed_tools";

    /// <summary>The fields that are read here.</summary>
    public static readonly string[] Fields = [ToolFields.Tools, ToolChoice, ParallelToolCalls];

    private static readonly FrozenSet<string> EntryFields = FrozenSet.Create("type", "name", "description", "parameters", "strict");
    private static readonly FrozenSet<string> NamedFields = FrozenSet.Create("type", "name");
    private static readonly FrozenSet<string> AllowedFields = FrozenSet.Create("type", "mode", "tools");

    /// <summary>Reads the fields.</summary>
    /// <exception cref="InvalidRequestException">One of them is wrong.</exception>
    public static ResponsesTools Read(RequestFields request)
    {
        bool isParallel = request.Boolean(ParallelToolCalls) ?? true;
        var told = new List<string>();
        Tool[] tools = ToolFields.ReadTools(request, entry =>
        {
            Tool tool = ReadTool(entry);
            told.Add(Write(entry, tool));
            return tool;
        });
        (ToolUse? use, Tool[] callable) = ReadChoice(request, tools);
        string choice = request.TryGet(ToolChoice, out JsonElement value) ? value.GetRawText() : "\"auto\"";
        return new ResponsesTools(use is null || callable.Length == 0 ? null : new ToolRequest(tools, callable, use.Value, isParallel, "parameters"), choice, isParallel, told);
    }

    private static Tool ReadTool(RequestFields entry)
    {
        ToolFields.CheckType(entry);
        UnsupportedFields.Check(entry, EntryFields);
        return ToolFields.ReadFunction(entry);
    }

    /// <summary>A tool as responses repeat it. It is strict unless it says otherwise; arguments fit their schema in either case.</summary>
    private static string Write(RequestFields entry, Tool tool) => JsonBody.ToText(json =>
    {
        json.WriteStartObject();
        json.WriteString("type", Function);
        json.WriteString("description", tool.Description);
        json.WriteString("name", tool.Name);
        json.WritePropertyName("parameters");
        json.WriteRawValue(entry.TryGet("parameters", out JsonElement parameters) ? parameters.GetRawText() : "null");
        json.WriteBoolean("strict", entry.Boolean("strict") ?? true);
        json.WriteEndObject();
    });

    /// <returns>How functions are used, null for not at all; and those that may be called.</returns>
    private static (ToolUse? Use, Tool[] Callable) ReadChoice(RequestFields request, Tool[] tools)
    {
        if (!request.TryGet(ToolChoice, out JsonElement value))
            return (ToolUse.Auto, tools);
        if (value.ValueKind == JsonValueKind.Object)
            return ReadChoice(new RequestFields(value, ToolChoice), tools, ToolChoice);
        return RequestFields.Text(value, ToolChoice) is var choice && choice == "none" ? (null, tools) : (ReadMode(choice, ToolChoice, tools), tools);
    }

    private static (ToolUse? Use, Tool[] Callable) ReadChoice(RequestFields choice, Tool[] tools, string path)
    {
        string type = choice.Required("type", choice.String("type"));
        if (type == AllowedTools)
            return ReadAllowed(choice, tools);
        return type == Function
            ? (ToolUse.Required, [ReadNamed(choice, tools)])
            : throw new InvalidRequestException(choice.Path("type"), $"{path}.type is '{RequestFields.Quote(type)}'; allowed are {Function} and {AllowedTools}.");
    }

    private static (ToolUse? Use, Tool[] Callable) ReadAllowed(RequestFields choice, Tool[] tools)
    {
        UnsupportedFields.Check(choice, AllowedFields);
        ToolUse use = ReadMode(choice.Required("mode", choice.String("mode")), choice.Path("mode"), tools);
        string path = choice.Path("tools");
        if (!choice.TryGet("tools", out JsonElement value) || value.ValueKind != JsonValueKind.Array || value.GetArrayLength() == 0)
            throw new InvalidRequestException(path, $"{path} must be an array of functions, with at least one.");
        return (use, [.. value.EnumerateArray().Select((entry, index) => ReadNamed(new RequestFields(entry, $"{path}[{index}]"), tools)).Distinct()]);
    }

    private static ToolUse ReadMode(string mode, string path, Tool[] tools) => mode switch
    {
        "auto" => ToolUse.Auto,
        "required" when tools.Length > 0 => ToolUse.Required,
        "required" => throw new InvalidRequestException(path, $"{path} is required, but tools is empty."),
        _ => throw new InvalidRequestException(
            path, $"{path} is '{RequestFields.Quote(mode)}'; allowed are none, auto, required, {{\"type\":\"{Function}\",\"name\":...}} and {{\"type\":\"{AllowedTools}\",...}}."),
    };

    private static Tool ReadNamed(RequestFields named, Tool[] tools)
    {
        ToolFields.CheckType(named);
        UnsupportedFields.Check(named, NamedFields);
        string name = named.Required("name", named.String("name"));
        return tools.FirstOrDefault(tool => tool.Name == name)
            ?? throw new InvalidRequestException(named.Path("name"), $"{named.Path("name")} is '{RequestFields.Quote(name)}'; tools has no such function.");
    }
}
