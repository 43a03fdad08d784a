using System.Text;
using System.Text.Json;
using Gemma2.Backend.Engine;
using Gemma2.Grammars.Tools;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.Responses;

/// <summary>The events of a stream, numbered from 0. Source: OpenAI API reference, "Responses", streaming events.</summary>
/// <param name="completion">What was asked.</param>
/// <param name="response">Writes the response as it is.</param>
/// <param name="ended">The whole response, as it is kept.</param>
internal sealed class ResponseEvents(Completion completion, ResponseJson response, Func<CompletionResult, ReadOnlyMemory<byte>> ended) : IAnswerEvents
{
    private readonly ResponseOutput _output = new(completion);
    private readonly ToolParts? _tools = completion.Request.Tools is null ? null : new ToolParts(completion);
    private readonly StringBuilder _text = new();
    private readonly List<ToldToken> _tokens = [];
    private int _number;
    private int _items;
    private Item? _open;

    /// <inheritdoc />
    public IEnumerable<StreamEvent> Begin() => [Event("response.created", WriteBegun), Event("response.in_progress", WriteBegun)];

    /// <inheritdoc />
    public IEnumerable<StreamEvent> Read(AnswerPart part)
    {
        if (_tools is null)
            return [.. Say(part.Text, part.Tokens), .. End(part.Finish)];
        (IReadOnlyList<ToolDelta> deltas, IReadOnlyList<ToldToken> tokens) = _tools.Read(part);
        // Tokens of no text that is told come with the end.
        StreamEvent[] told = deltas.Count == 0 && _open is not Item.Call ? Say("", tokens) : [.. deltas.SelectMany((delta, index) => Tell(delta, index == 0 ? tokens : []))];
        return [.. told, .. End(part.Finish)];
    }

    /// <inheritdoc />
    public IEnumerable<StreamEvent> End(CompletionResult result)
    {
        ReadOnlyMemory<byte> whole = ended(result);
        return [Event("response." + ResponseOutput.StatusOf(result), json =>
        {
            json.WritePropertyName("response");
            json.WriteRawValue(whole.Span);
        })];
    }

    /// <summary>The error as OpenAI describes the event, and as its servers send it, which its clients take for a failure.</summary>
    public IEnumerable<StreamEvent> Fail(ApiError error) =>
    [
        Error(_number++, error),
        Event("response.failed", json =>
        {
            json.WritePropertyName("response");
            response.WriteFailed(json, error);
        }),
    ];

    /// <summary>The event of an error.</summary>
    /// <param name="number">Its place in the stream.</param>
    /// <param name="error">The error.</param>
    public static StreamEvent Error(int number, ApiError error) => Event(number, "error", json =>
    {
        json.WriteString("code", error.Code ?? error.Type);
        json.WriteString("message", error.Message);
        json.WriteString("param", error.Parameter);
        json.WritePropertyName("error");
        error.WriteContent(json);
    });

    private void WriteBegun(Utf8JsonWriter json)
    {
        json.WritePropertyName("response");
        response.WriteBegun(json);
    }

    private StreamEvent[] Tell(ToolDelta delta, IReadOnlyList<ToldToken> tokens) => delta switch
    {
        ToolDelta.Reply reply => Say(reply.Text, tokens),
        ToolDelta.CallStart call => [.. Close(Item.Completed), .. Open(_output.Call(call.Index, call.Name, ""))],
        ToolDelta.Arguments arguments => [Add(arguments.Text)],
        _ => [],
    };

    /// <summary>New text of the message, which begins with the first of it.</summary>
    private StreamEvent[] Say(string text, IReadOnlyList<ToldToken> tokens)
    {
        if (text.Length == 0 && tokens.Count == 0)
            return [];
        StreamEvent[] opened = _open is null ? OpenMessage() : [];
        _text.Append(text);
        _tokens.AddRange(tokens);
        return [.. opened, InPart("response.output_text.delta", json =>
        {
            json.WriteString("delta", text);
            WriteLogProbabilities(json, tokens);
        })];
    }

    private StreamEvent Add(string arguments)
    {
        _text.Append(arguments);
        return InItem("response.function_call_arguments.delta", json => json.WriteString("delta", arguments));
    }

    private StreamEvent[] End(FinishReason? finish)
    {
        if (finish is not { } reason)
            return [];
        // An answer that says nothing is an empty message.
        StreamEvent[] opened = _open is null ? OpenMessage() : [];
        return [.. opened, .. Close(ResponseOutput.StatusOf(reason))];
    }

    private StreamEvent[] OpenMessage() => [.. Open(_output.Message(null)), InPart("response.content_part.added", json => WritePart(json, "", []))];

    private StreamEvent[] Open(Item item)
    {
        _open = item;
        _text.Clear();
        return [WithItem("response.output_item.added", item, Item.InProgress, [])];
    }

    private StreamEvent[] Close(string status)
    {
        if (_open is null)
            return [];
        string text = _text.ToString();
        ToldToken[] tokens = [.. _tokens];
        Item whole = _open is Item.Call call ? call with { Arguments = text } : _output.Message(text);
        StreamEvent[] closed = [.. whole is Item.Call called ? Ended(called) : Ended(text, tokens), WithItem("response.output_item.done", whole, status, tokens)];
        _open = null;
        _items++;
        return closed;
    }

    private StreamEvent[] Ended(Item.Call call) =>
    [
        InItem("response.function_call_arguments.done", json =>
        {
            json.WriteString("name", call.Name);
            json.WriteString("arguments", call.Arguments);
        }),
    ];

    private StreamEvent[] Ended(string text, IReadOnlyList<ToldToken> tokens) =>
    [
        InPart("response.output_text.done", json =>
        {
            json.WriteString("text", text);
            WriteLogProbabilities(json, tokens);
        }),
        InPart("response.content_part.done", json => WritePart(json, text, tokens)),
    ];

    private StreamEvent InPart(string type, Action<Utf8JsonWriter> writeRest) => InItem(type, json =>
    {
        json.WriteNumber("content_index", 0);
        writeRest(json);
    });

    private StreamEvent InItem(string type, Action<Utf8JsonWriter> writeRest)
    {
        (string id, int index) = (_open!.Id, _items);
        return Event(type, json =>
        {
            json.WriteString("item_id", id);
            json.WriteNumber("output_index", index);
            writeRest(json);
        });
    }

    private StreamEvent WithItem(string type, Item item, string status, IReadOnlyList<ToldToken> tokens)
    {
        int index = _items;
        return Event(type, json =>
        {
            json.WriteNumber("output_index", index);
            json.WritePropertyName("item");
            item.Write(json, status, _output.LogProbabilities(tokens));
        });
    }

    private StreamEvent Event(string type, Action<Utf8JsonWriter> writeRest) => Event(_number++, type, writeRest);

    private static StreamEvent Event(int number, string type, Action<Utf8JsonWriter> writeRest) => new(type, json =>
    {
        json.WriteStartObject();
        json.WriteString("type", type);
        json.WriteNumber("sequence_number", number);
        writeRest(json);
        json.WriteEndObject();
    });

    private void WritePart(Utf8JsonWriter json, string text, IReadOnlyList<ToldToken> tokens)
    {
        json.WritePropertyName("part");
        Item.Message.WritePart(json, Item.Message.Assistant, text, _output.LogProbabilities(tokens));
    }

    private void WriteLogProbabilities(Utf8JsonWriter json, IReadOnlyList<ToldToken> tokens)
    {
        json.WritePropertyName("logprobs");
        if (_output.LogProbabilities(tokens) is { } write)
        {
            write(json);
            return;
        }
        json.WriteStartArray();
        json.WriteEndArray();
    }
}
