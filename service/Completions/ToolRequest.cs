using Gemma2.Backend.Text;
using Gemma2.Grammars;
using Gemma2.Grammars.Tools;

namespace Gemma2.Service.Completions;

/// <summary>The functions that a request lets the model call.</summary>
/// <param name="Tools">All that it is told of; at least one.</param>
/// <param name="Callable">Those that it may call now; at least one.</param>
/// <param name="Use">Whether it may reply instead.</param>
/// <param name="IsParallel">Whether it may call several at once.</param>
/// <param name="SchemaField">Where in an entry of <c>tools</c> its schema is, for errors.</param>
internal sealed record ToolRequest(IReadOnlyList<Tool> Tools, IReadOnlyList<Tool> Callable, ToolUse Use, bool IsParallel, string SchemaField)
{
    /// <summary>The schema of each function, with the field that it is in.</summary>
    public IEnumerable<AnswerFormat> Parts =>
        Tools.Select((tool, index) => new AnswerFormat(new GrammarSource.JsonSchema(tool.Parameters), $"tools[{index}].{SchemaField}"));

    /// <summary>A conversation that begins with what the model is told about the functions.</summary>
    /// <param name="prompt">The conversation.</param>
    /// <param name="template">What it is told.</param>
    public Prompt TellOf(Prompt prompt, string template) => prompt is Prompt.Chat chat
        ? chat with { Messages = [new ChatMessage(ChatMessage.Instruction, ToolPrompt.Of(Tools, template)), .. chat.Messages] }
        : prompt;

    /// <summary>What the answer may be.</summary>
    /// <param name="reply">The form of a reply; null where any text will do.</param>
    public GrammarSource Format(GrammarSource? reply) => ToolSyntax.Grammar(Callable, Use, IsParallel, reply);
}
