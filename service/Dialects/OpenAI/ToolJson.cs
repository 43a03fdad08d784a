using System.Text.Json;
using Gemma2.Grammars.Tools;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.OpenAI;

/// <summary>Calls of functions in OpenAI's shapes.</summary>
/// <param name="json">Where to write.</param>
/// <param name="completion">What was asked.</param>
/// <param name="answer">Which of its answers calls.</param>
internal readonly struct ToolJson(Utf8JsonWriter json, Completion completion, int answer)
{
    /// <summary>The message of a whole answer.</summary>
    public void WriteMessage(ToolAnswer said)
    {
        json.WriteStartObject("message");
        json.WriteString("role", "assistant");
        json.WriteString("content", said.Reply);
        if (said.Calls.Count > 0)
        {
            json.WriteStartArray("tool_calls");
            foreach ((int index, ToolCall call) in said.Calls.Index())
                WriteCall(index, call.Name, call.Arguments, isDelta: false);
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    /// <summary>What is new in a stream.</summary>
    public void WriteDelta(ToolDelta delta)
    {
        json.WriteStartObject("delta");
        if (delta is ToolDelta.Reply reply)
        {
            json.WriteString("content", reply.Text);
        }
        else
        {
            json.WriteStartArray("tool_calls");
            if (delta is ToolDelta.CallStart start)
                WriteCall(start.Index, start.Name, "", isDelta: true);
            else if (delta is ToolDelta.Arguments arguments)
                WriteArguments(arguments);
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    private void WriteCall(int index, string name, string arguments, bool isDelta)
    {
        json.WriteStartObject();
        if (isDelta)
            json.WriteNumber("index", index);
        // It follows from the answer's id: a second run of a job gives the same.
        json.WriteString("id", $"call_{completion.Id}_{answer}_{index}");
        json.WriteString("type", "function");
        json.WriteStartObject("function");
        json.WriteString("name", name);
        json.WriteString("arguments", arguments);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void WriteArguments(ToolDelta.Arguments arguments)
    {
        json.WriteStartObject();
        json.WriteNumber("index", arguments.Index);
        json.WriteStartObject("function");
        json.WriteString("arguments", arguments.Text);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
