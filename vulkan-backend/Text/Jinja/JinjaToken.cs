namespace Gemma2.Backend.Text.Jinja;

/// <summary>Kinds of tokens.</summary>
internal enum JinjaTokenKind
{
    /// <summary>Text between tags.</summary>
    Data,

    /// <summary><c>{{</c></summary>
    OutputBegin,

    /// <summary><c>}}</c></summary>
    OutputEnd,

    /// <summary><c>{%</c></summary>
    TagBegin,

    /// <summary><c>%}</c></summary>
    TagEnd,

    /// <summary>A name or word.</summary>
    Name,

    /// <summary>A text, without its quotes.</summary>
    String,

    /// <summary>A whole number.</summary>
    Integer,

    /// <summary>Another number.</summary>
    Float,

    /// <summary>Signs.</summary>
    Operator,

    /// <summary>The end of the template.</summary>
    End,
}

/// <summary>A token of a template.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">As it is written; of a text what it stands for.</param>
/// <param name="Line">Its line, from 1.</param>
internal readonly record struct JinjaToken(JinjaTokenKind Kind, string Text, int Line)
{
    /// <summary>Whether it is these signs.</summary>
    public bool IsOperator(string signs) => Kind == JinjaTokenKind.Operator && Text == signs;

    /// <summary>Whether it is this word.</summary>
    public bool IsName(string word) => Kind == JinjaTokenKind.Name && Text == word;

    /// <summary>The token as a message shows it.</summary>
    public override string ToString() => Kind switch
    {
        JinjaTokenKind.End => "the end of the template",
        JinjaTokenKind.Data => "text",
        JinjaTokenKind.String => "a text",
        _ => $"'{Text}'",
    };
}
