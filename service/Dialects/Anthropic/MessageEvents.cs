using Gemma2.Grammars.Tools;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.Anthropic;

/// <summary>
/// The events of a stream: <c>message_start</c>, for each block of the content <c>content_block_start</c>, its deltas and <c>content_block_stop</c>, then <c>message_delta</c> and
/// <c>message_stop</c>. The start waits for the first part of the answer, which says how much of the prompt was cached.
/// </summary>
internal sealed class MessageEvents(Completion completion, string requestId) : IAnswerEvents
{
    private readonly ToolParts? _tools = completion.Request.Tools is null ? null : new ToolParts(completion);
    private bool _hasBegun;
    private bool _isOpen;
    private int _block = -1;

    /// <inheritdoc />
    public IEnumerable<StreamEvent> Begin() => [];

    /// <inheritdoc />
    public IEnumerable<StreamEvent> Read(AnswerPart part)
    {
        var events = new List<StreamEvent>();
        if (!_hasBegun)
            events.Add(Event("message_start", json => json.WriteStart(part.CachedTokens)));
        _hasBegun = true;
        foreach (ToolDelta delta in Deltas(part))
            events.AddRange(Tell(delta));
        return events;
    }

    /// <inheritdoc />
    public IEnumerable<StreamEvent> End(CompletionResult result) =>
    [
        .. CloseBlock(),
        Event("message_delta", json => json.WriteEnd(result, _tools?.HasCalls(0) ?? false)),
        Event("message_stop", json => json.WriteStop()),
    ];

    /// <inheritdoc />
    public IEnumerable<StreamEvent> Fail(ApiError error) => [MessageErrors.Event(error, requestId)];

    private IReadOnlyList<ToolDelta> Deltas(AnswerPart part) =>
        _tools is not null ? _tools.Read(part).Deltas : part.Text.Length > 0 ? [new ToolDelta.Reply(part.Text)] : [];

    private IEnumerable<StreamEvent> Tell(ToolDelta delta) => delta switch
    {
        ToolDelta.Reply(var text) => [.. OpenText(), Delta("text_delta", "text", text)],
        ToolDelta.CallStart call => [.. CloseBlock(), .. OpenBlock((json, block) => json.WriteCallStart(block, call))],
        ToolDelta.Arguments(_, var text) => [Delta("input_json_delta", "partial_json", text)],
        _ => throw new NotSupportedException($"{delta.GetType()} is not told."),
    };

    private StreamEvent[] OpenText() => _isOpen ? [] : OpenBlock((json, block) => json.WriteTextStart(block));

    private StreamEvent[] OpenBlock(Action<MessageJson, int> write)
    {
        int block = ++_block;
        _isOpen = true;
        return [Event("content_block_start", json => write(json, block))];
    }

    private StreamEvent[] CloseBlock()
    {
        if (!_isOpen)
            return [];
        int block = _block;
        _isOpen = false;
        return [Event("content_block_stop", json => json.WriteBlockStop(block))];
    }

    private StreamEvent Delta(string type, string field, string text)
    {
        int block = _block;
        return Event("content_block_delta", json => json.WriteDelta(block, type, field, text));
    }

    private StreamEvent Event(string name, Action<MessageJson> write) => new(name, json => write(new MessageJson(json, completion)));
}
