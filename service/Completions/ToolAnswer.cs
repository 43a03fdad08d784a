using System.Text;
using Gemma2.Grammars.Tools;

namespace Gemma2.Service.Completions;

/// <summary>A whole answer of a chat with functions.</summary>
/// <param name="Reply">What it says; null where it calls functions instead.</param>
/// <param name="Calls">The calls, in order.</param>
internal sealed record ToolAnswer(string? Reply, IReadOnlyList<ToolCall> Calls)
{
    /// <summary>Takes an answer's text apart.</summary>
    public static ToolAnswer Of(string text)
    {
        var reader = new ToolCallReader();
        var reply = new StringBuilder();
        var calls = new List<(string Name, StringBuilder Arguments)>();
        foreach (ToolDelta delta in reader.Append(text).Concat(reader.Flush()))
        {
            switch (delta)
            {
                case ToolDelta.Reply(var more): reply.Append(more); break;
                case ToolDelta.CallStart(_, var name): calls.Add((name, new StringBuilder())); break;
                case ToolDelta.Arguments(var index, var more): calls[index].Arguments.Append(more); break;
            }
        }
        return new ToolAnswer(calls.Count > 0 ? null : reply.ToString(), [.. calls.Select(call => new ToolCall(call.Name, call.Arguments.ToString()))]);
    }
}

/// <summary>A call of a function.</summary>
/// <param name="Name">Which.</param>
/// <param name="Arguments">Its arguments as JSON text; half of it where the answer was cut.</param>
internal sealed record ToolCall(string Name, string Arguments);
