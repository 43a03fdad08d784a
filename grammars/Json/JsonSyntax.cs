using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Json;

/// <summary>JSON's own characters. White space is that of compact and of indented JSON: a space, or one line end and the blanks that indent the next line.</summary>
internal sealed class JsonSyntax
{
    private const int MostIndentation = 80;

    private readonly RegexStore _store;
    private readonly Regex _space, _colon;

    /// <summary>JSON's expressions.</summary>
    /// <param name="store">Where they are kept.</param>
    public JsonSyntax(RegexStore store)
    {
        _store = store;
        Regex blank = store.Bytes(ByteSet.Of((byte)' ', (byte)'\t'));
        Regex line = store.Concat(store.Repeat(store.Literal("\r"), 0, 1), store.Literal("\n"), store.Repeat(blank, 0, MostIndentation));
        _space = store.Or(store.Empty, store.Literal(" "), line);
        Regex gap = store.Repeat(store.Literal(" "), 0, 1);
        _colon = store.Concat(gap, store.Literal(":"), gap);
        (Comma, OpenArray, OpenObject) = (store.Literal(","), store.Literal("["), store.Literal("{"));
        (CloseArray, CloseObject) = (store.Concat(_space, store.Literal("]")), store.Concat(_space, store.Literal("}")));
    }

    /// <summary>Before the next member or item.</summary>
    public Regex Comma { get; }

    /// <summary>Before a list.</summary>
    public Regex OpenArray { get; }

    /// <summary>After a list.</summary>
    public Regex CloseArray { get; }

    /// <summary>Before an object.</summary>
    public Regex OpenObject { get; }

    /// <summary>After an object.</summary>
    public Regex CloseObject { get; }

    /// <summary>What may stand before an item.</summary>
    public Regex Space => _space;

    /// <summary>A string by its value.</summary>
    public Regex Text(Regex content) => content == _store.Nothing ? content : _store.Concat(_store.Literal("\""), _store.JsonText(content), _store.Literal("\""));

    /// <summary>What stands before a member's value.</summary>
    public Regex Name(Regex name) => name == _store.Nothing ? name : _store.Concat(_space, Text(name), _colon);

    /// <summary>null, true and false, as far as they are allowed.</summary>
    public Regex Constants(JsonKinds kinds)
    {
        Regex Of(JsonKinds kind, string text) => kinds.HasFlag(kind) ? _store.Literal(text) : _store.Nothing;
        return _store.Or(Of(JsonKinds.Null, "null"), Of(JsonKinds.True, "true"), Of(JsonKinds.False, "false"));
    }
}
