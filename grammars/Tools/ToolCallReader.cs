namespace Gemma2.Grammars.Tools;

/// <summary>
/// Takes an answer that follows <see cref="ToolSyntax.Grammar"/> apart as it comes, into a reply or calls. What comes out does not depend on how the text was cut into pieces, but for
/// the places where deltas of one kind are cut. An answer may end anywhere; one that is no call is a reply.
/// </summary>
public sealed class ToolCallReader
{
    private readonly JsonDepth _depth = new();
    private string _held = "";
    private State _state = State.Start;
    private int _calls;

    private enum State
    {
        Start,
        Reply,
        Name,
        Arguments,
        After,
        Over,
    }

    /// <summary>Whether a call has begun.</summary>
    public bool HasCalls => _calls > 0;

    /// <summary>Takes more text.</summary>
    public IReadOnlyList<ToolDelta> Append(string text)
    {
        _held += text;
        var deltas = new List<ToolDelta>();
        while (Advance(deltas))
        {
        }
        return deltas;
    }

    /// <summary>Gives what was held back, as no more text will come.</summary>
    public IReadOnlyList<ToolDelta> Flush()
    {
        string rest = _held;
        _held = "";
        return rest.Length > 0 && _state == State.Start ? [new ToolDelta.Reply(rest)] : [];
    }

    /// <returns>Whether there may be more to do.</returns>
    private bool Advance(List<ToolDelta> deltas) => _state switch
    {
        State.Start => TryTake(ToolSyntax.BeforeName, State.Name, orElse: State.Reply),
        State.Reply => Reply(deltas),
        State.Name => Name(deltas),
        State.Arguments => Arguments(deltas),
        State.After => TryTake(ToolSyntax.End + ToolSyntax.Between + ToolSyntax.BeforeName, State.Name, orElse: State.Over),
        _ => false,
    };

    /// <summary>Takes a fixed text, once it is there whole.</summary>
    private bool TryTake(string expected, State then, State orElse)
    {
        int compared = Math.Min(expected.Length, _held.Length);
        bool differs = string.CompareOrdinal(_held, 0, expected, 0, compared) != 0;
        if (!differs && compared < expected.Length) return false;
        if (!differs) _held = _held[expected.Length..];
        _state = differs ? orElse : then;
        return true;
    }

    private bool Reply(List<ToolDelta> deltas)
    {
        if (_held.Length > 0) deltas.Add(new ToolDelta.Reply(_held));
        _held = "";
        return false;
    }

    private bool Name(List<ToolDelta> deltas)
    {
        int end = _held.IndexOf(ToolSyntax.BeforeArguments, StringComparison.Ordinal);
        if (end < 0) return false;
        deltas.Add(new ToolDelta.CallStart(_calls++, _held[..end]));
        _held = _held[(end + ToolSyntax.BeforeArguments.Length)..];
        _state = State.Arguments;
        _depth.Reset();
        return true;
    }

    private bool Arguments(List<ToolDelta> deltas)
    {
        int length = 0;
        while (length < _held.Length && !_depth.IsOver) _depth.Add(_held[length++]);
        if (length > 0) deltas.Add(new ToolDelta.Arguments(_calls - 1, _held[..length]));
        _held = _held[length..];
        if (_depth.IsOver) _state = State.After;
        return _depth.IsOver;
    }
}
