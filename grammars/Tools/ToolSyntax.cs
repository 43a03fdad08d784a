namespace Gemma2.Grammars.Tools;

/// <summary>
/// How a call looks in the model's own text. Gemma 2 was not trained to call functions: the form is ours, and a grammar holds the model to it. It is the form that other open models were
/// trained on (Nous Research, "Hermes Function Calling"), one call after the other:
/// <code>
/// &lt;tool_call&gt;
/// {"name": "get_weather", "arguments": {"city": "Paris"}}
/// &lt;/tool_call&gt;
/// </code>
/// </summary>
public static class ToolSyntax
{
    /// <summary>Most calls in one answer.</summary>
    public const int MostCalls = 16;

    internal const string Begin = "<tool_call>";
    internal const string BeforeName = Begin + "\n{\"name\": \"";
    internal const string BeforeArguments = "\", \"arguments\": ";
    internal const string End = "}\n</tool_call>";
    internal const string Between = "\n";

    /// <summary>A call as text.</summary>
    /// <param name="name">The function's name.</param>
    /// <param name="arguments">Its arguments, a JSON object as text.</param>
    public static string Call(string name, string arguments) => BeforeName + name + BeforeArguments + arguments + End;

    /// <summary>Several calls as text.</summary>
    public static string Calls(IEnumerable<string> calls) => string.Join(Between, calls);

    /// <summary>What a function gave back, as text of the turn after its call.</summary>
    /// <param name="name">The function's name.</param>
    /// <param name="content">What it gave back.</param>
    public static string Response(string name, string content) => $"<tool_response>\n{name}: {content}\n</tool_response>";

    /// <summary>What an answer may be.</summary>
    /// <param name="tools">The functions; at least one.</param>
    /// <param name="use">Whether it may be a reply too.</param>
    /// <param name="isParallel">Whether it may be several calls.</param>
    /// <param name="reply">The form of a reply; null where any text will do.</param>
    public static GrammarSource Grammar(IReadOnlyList<Tool> tools, ToolUse use, bool isParallel, GrammarSource? reply)
    {
        GrammarSource call = new GrammarSource.Choice([.. tools.Select(CallOf)]);
        GrammarSource calls = isParallel ? new GrammarSource.Repeat(call, Between, 1, MostCalls) : call;
        return use == ToolUse.Required ? calls : new GrammarSource.Choice([calls, reply ?? new GrammarSource.TextWithout([Begin])]);
    }

    private static GrammarSource CallOf(Tool tool) => new GrammarSource.Sequence(
    [
        new GrammarSource.Literal(BeforeName + tool.Name + BeforeArguments),
        new GrammarSource.JsonSchema(tool.Parameters),
        new GrammarSource.Literal(End),
    ]);
}
