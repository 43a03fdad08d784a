using System.Globalization;
using System.Text;

namespace Gemma2.Backend.Text.Jinja;

/// <summary>Writes values as <c>json.dumps(value, ensure_ascii=False)</c> does, which transformers makes of the filter <c>tojson</c>.</summary>
/// <param name="call">Whose run counts what is written; also its arguments <c>indent</c>, <c>separators</c> and <c>sort_keys</c>.</param>
internal sealed class PythonJson(JinjaCall call)
{
    private readonly StringBuilder _text = new();
    private readonly int? _indent = call.Get(1, "indent") is null ? null : Math.Clamp(call.Integer(1, "indent", 0), 0, 16);
    private readonly bool _sorts = call.Flag(3, "sort_keys", false);
    private string _between = call.Get(1, "indent") is null ? ", " : ",";
    private string _colon = ": ";
    private bool _hasContent;

    /// <summary>A value as JSON. It counts as content as soon as some of it is.</summary>
    public JinjaText Write(object? value)
    {
        if (call.Get(2, "separators") is JinjaList { Items: [JinjaText between, JinjaText colon] }) (_between, _colon) = (between.Value, colon.Value);
        Add(value, 0);
        return JinjaText.Of(_text.ToString(), _hasContent);
    }

    private void Add(object? value, int depth)
    {
        switch (value)
        {
            case null: Add("null"); break;
            case bool flag: Add(flag ? "true" : "false"); break;
            case long number: Add(number.ToString(CultureInfo.InvariantCulture)); break;
            case double number: Add(double.IsNaN(number) ? "NaN" : double.IsInfinity(number) ? number > 0 ? "Infinity" : "-Infinity" : Python.FloatText(number)); break;
            case JinjaText text: AddText(text); break;
            case JinjaList list: AddAll('[', ']', list.Items, depth, item => Add(item, depth + 1)); break;
            case JinjaMap map: AddAll('{', '}', Sorted(map), depth, entry => AddEntry(entry, depth)); break;
            default: throw call.Error($"a value of the type {Python.TypeOf(value)} has no form in JSON");
        }
    }

    private IReadOnlyList<KeyValuePair<object?, object?>> Sorted(JinjaMap map) =>
        _sorts ? [.. map.Entries.OrderBy(entry => Python.ToText(entry.Key, call.Run).Value, StringComparer.Ordinal)] : map.Entries;

    private void AddEntry(KeyValuePair<object?, object?> entry, int depth)
    {
        AddText(entry.Key switch
        {
            JinjaText text => text,
            null => JinjaText.Of("null"),
            bool flag => JinjaText.Of(flag ? "true" : "false"),
            _ => Python.ToText(entry.Key, call.Run),
        });
        Add(_colon);
        Add(entry.Value, depth + 1);
    }

    private void AddAll<T>(char open, char close, IReadOnlyList<T> items, int depth, Action<T> add)
    {
        Add(open.ToString());
        for (int i = 0; i < items.Count; i++)
        {
            if (i > 0) Add(_between);
            AddLine(depth + 1);
            add(items[i]);
        }
        if (items.Count > 0) AddLine(depth);
        Add(close.ToString());
    }

    private void AddLine(int depth)
    {
        if (_indent is { } indent) Add($"\n{new string(' ', indent * depth)}");
    }

    private void AddText(JinjaText text)
    {
        _hasContent |= text.HasContent;
        var quoted = new StringBuilder("\"");
        foreach (char c in text.Value)
        {
            quoted.Append(c switch
            {
                '"' => "\\\"",
                '\\' => @"\\",
                '\n' => @"\n",
                '\r' => @"\r",
                '\t' => @"\t",
                '\b' => @"\b",
                '\f' => @"\f",
                < ' ' => $"\\u{(int)c:x4}",
                _ => c.ToString(),
            });
        }
        Add(quoted.Append('"').ToString());
    }

    private void Add(string text)
    {
        call.Run.Write(text.Length);
        _text.Append(text);
    }
}
