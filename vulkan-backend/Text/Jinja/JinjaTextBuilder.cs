using System.Text;

namespace Gemma2.Backend.Text.Jinja;

/// <summary>Joins texts and keeps track of what came with messages.</summary>
/// <param name="run">Counts what is written.</param>
internal sealed class JinjaTextBuilder(JinjaRun run)
{
    private readonly StringBuilder _text = new();
    private readonly List<(int Start, int End)> _content = [];

    /// <summary>Adds a text.</summary>
    public JinjaTextBuilder Append(JinjaText text)
    {
        run.Write(text.Value.Length);
        foreach ((int start, int end) in text.ContentRanges)
        {
            if (_content.Count > 0 && _content[^1].End == _text.Length + start) _content[^1] = (_content[^1].Start, _text.Length + end);
            else _content.Add((_text.Length + start, _text.Length + end));
        }
        _text.Append(text.Value);
        return this;
    }

    /// <summary>Adds a text of the template.</summary>
    public JinjaTextBuilder Append(string text) => Append(JinjaText.Of(text));

    /// <summary>All of it.</summary>
    public JinjaText Build() => new(_text.ToString(), [.. _content]);
}
