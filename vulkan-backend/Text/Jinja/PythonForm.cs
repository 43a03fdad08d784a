using System.Globalization;
using System.Text;

namespace Gemma2.Backend.Text.Jinja;

/// <summary>Writes values as Python's <c>repr</c> does.</summary>
/// <param name="run">Counts what is written.</param>
internal sealed class PythonForm(JinjaRun run)
{
    private readonly StringBuilder _text = new();
    private bool _hasContent;

    /// <summary>Adds a value.</summary>
    public PythonForm Write(object? value)
    {
        switch (value)
        {
            case null: return Add("None");
            case bool flag: return Add(flag ? "True" : "False");
            case long number: return Add(number.ToString(CultureInfo.InvariantCulture));
            case double number: return Add(Python.FloatText(number));
            case JinjaText text: return AddQuoted(text);
            case JinjaList list: return AddItems(list);
            case JinjaMap map: return AddEntries(map);
            case JinjaUndefined: return Add("Undefined");
            default: return Add($"<{Python.TypeOf(value)}>");
        }
    }

    /// <summary>All of it. It counts as content as soon as some of it is.</summary>
    public JinjaText Build() => JinjaText.Of(_text.ToString(), _hasContent);

    private PythonForm AddItems(JinjaList list)
    {
        Add(list.IsTuple ? "(" : "[");
        for (int i = 0; i < list.Items.Count; i++) Add(i > 0 ? ", " : "").Write(list.Items[i]);
        return Add(list.IsTuple ? list.Items.Count == 1 ? ",)" : ")" : "]");
    }

    private PythonForm AddEntries(JinjaMap map)
    {
        Add("{");
        for (int i = 0; i < map.Entries.Count; i++) Add(i > 0 ? ", " : "").Write(map.Entries[i].Key).Add(": ").Write(map.Entries[i].Value);
        return Add("}");
    }

    private PythonForm AddQuoted(JinjaText text)
    {
        _hasContent |= text.HasContent;
        string value = text.Value;
        char quote = value.Contains('\'') && !value.Contains('"') ? '"' : '\'';
        var quoted = new StringBuilder().Append(quote);
        foreach (char c in value)
        {
            quoted.Append(c switch
            {
                '\\' => @"\\",
                '\n' => @"\n",
                '\r' => @"\r",
                '\t' => @"\t",
                _ when c == quote => $"\\{c}",
                < ' ' or '\x7F' => $"\\x{(int)c:x2}",
                _ => c.ToString(),
            });
        }
        return Add(quoted.Append(quote).ToString());
    }

    private PythonForm Add(string text)
    {
        run.Write(text.Length);
        _text.Append(text);
        return this;
    }
}
