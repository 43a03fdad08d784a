using System.Globalization;
using System.Text;

namespace Gemma2.Backend.Text.Jinja;

/// <summary>
/// Takes a template apart as Jinja does with <c>trim_blocks</c> and <c>lstrip_blocks</c>, which transformers sets: the line break behind a block tag and the white
/// space in front of one that begins a line are no part of the text; a minus takes all white space on its side, a plus none.
/// Source: Jinja 3.1, Template Designer Documentation, "Whitespace Control".
/// </summary>
internal sealed class JinjaLexer
{
    private static readonly string[] Operators =
        ["//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"];

    private readonly string _text;
    private readonly List<JinjaToken> _tokens = [];
    private int _at;
    private int _line = 1;
    private int _counted;
    private bool _beginsLine = true;

    private JinjaLexer(string text) => _text = text;

    /// <summary>The template's tokens; the last is the end.</summary>
    /// <exception cref="JinjaException">It is no template.</exception>
    public static IReadOnlyList<JinjaToken> Read(string template)
    {
        string text = template.Replace("\r\n", "\n").Replace('\r', '\n');
        // One line break at the end belongs to the file and not to the text.
        var lexer = new JinjaLexer(text.EndsWith('\n') ? text[..^1] : text);
        while (lexer._at < lexer._text.Length) lexer.ReadNext();
        lexer.Add(JinjaTokenKind.End, "");
        return lexer._tokens;
    }

    private void ReadNext()
    {
        int tag = NextTag(_at);
        if (tag < 0)
        {
            AddData(_text[_at..]);
            _at = _text.Length;
            return;
        }

        char kind = _text[tag + 1], sign = SignAt(tag + 2);
        AddData(Before(_text[_at..tag], kind, sign));
        _at = tag + (sign == ' ' ? 2 : 3);
        if (kind == '#') SkipComment();
        else if (kind == '{') ReadExpression(JinjaTokenKind.OutputBegin, JinjaTokenKind.OutputEnd, "}}");
        else if (!TrySkipRaw()) ReadExpression(JinjaTokenKind.TagBegin, JinjaTokenKind.TagEnd, "%}");
        _beginsLine = _text[_at - 1] == '\n';
    }

    private int NextTag(int from)
    {
        for (int at = _text.IndexOf('{', from); at >= 0 && at < _text.Length - 1; at = _text.IndexOf('{', at + 1))
            if (_text[at + 1] is '{' or '%' or '#') return at;
        return -1;
    }

    private char SignAt(int at) => at < _text.Length && _text[at] is '-' or '+' ? _text[at] : ' ';

    /// <summary>The text in front of a tag, as its sign and place say.</summary>
    private string Before(string data, char kind, char sign)
    {
        if (sign == '-') return data.TrimEnd();
        if (sign == '+' || kind == '{') return data;
        int line = data.LastIndexOf('\n') + 1;
        return (line > 0 || _beginsLine) && string.IsNullOrWhiteSpace(data[line..]) ? data[..line] : data;
    }

    private void SkipComment()
    {
        int end = _text.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0) throw Error("a comment has no end");
        char sign = end > _at ? _text[end - 1] : ' ';
        SkipAfter(end + 2, sign, takesLineBreak: true);
    }

    /// <summary>What follows the end of a tag is left out as its sign says.</summary>
    private void SkipAfter(int end, char sign, bool takesLineBreak)
    {
        _at = end;
        if (sign == '-')
            while (_at < _text.Length && char.IsWhiteSpace(_text[_at])) _at++;
        else if (sign != '+' && takesLineBreak && _at < _text.Length && _text[_at] == '\n')
            _at++;
    }

    /// <summary>What is between the tags raw and endraw is text.</summary>
    private bool TrySkipRaw()
    {
        if (!TryMatchTag(_at, "raw", out int begin, out char sign)) return false;
        SkipAfter(begin, sign, takesLineBreak: true);
        for (int end = _text.IndexOf("{%", _at, StringComparison.Ordinal); end >= 0; end = _text.IndexOf("{%", end + 2, StringComparison.Ordinal))
        {
            char before = SignAt(end + 2);
            if (!TryMatchTag(end + (before == ' ' ? 2 : 3), "endraw", out int after, out char afterSign)) continue;
            _beginsLine = _text[_at - 1] == '\n';
            AddData(Before(_text[_at..end], '%', before));
            SkipAfter(after, afterSign, takesLineBreak: true);
            return true;
        }
        throw Error("{% raw %} has no {% endraw %}");
    }

    /// <summary>Whether a word and the end of its tag stand somewhere.</summary>
    private bool TryMatchTag(int at, string word, out int end, out char sign)
    {
        (end, sign) = (at, ' ');
        at = SkipSpace(at);
        if (string.CompareOrdinal(_text, at, word, 0, word.Length) != 0) return false;
        at = SkipSpace(at + word.Length);
        sign = SignAt(at);
        end = at + (sign == ' ' ? 2 : 3);
        return string.CompareOrdinal(_text, end - 2, "%}", 0, 2) == 0;
    }

    private int SkipSpace(int at)
    {
        while (at < _text.Length && char.IsWhiteSpace(_text[at])) at++;
        return at;
    }

    private void ReadExpression(JinjaTokenKind begin, JinjaTokenKind end, string close)
    {
        Add(begin, close == "}}" ? "{{" : "{%");
        int open = 0;
        while (true)
        {
            _at = SkipSpace(_at);
            if (_at >= _text.Length) throw Error($"a tag has no {close}");
            if (open == 0 && TryReadEnd(end, close)) return;
            ReadToken(ref open);
        }
    }

    private bool TryReadEnd(JinjaTokenKind end, string close)
    {
        char sign = SignAt(_at);
        if (sign == '+' && close == "}}") return false;
        int at = sign == ' ' ? _at : _at + 1;
        if (string.CompareOrdinal(_text, at, close, 0, 2) != 0) return false;
        Add(end, close);
        SkipAfter(at + 2, sign, takesLineBreak: close == "%}");
        return true;
    }

    private void ReadToken(ref int open)
    {
        char c = _text[_at];
        if (c is '\'' or '"') ReadString(c);
        else if (char.IsAsciiDigit(c)) ReadNumber();
        else if (char.IsLetter(c) || c == '_') ReadWhile(JinjaTokenKind.Name, static c => char.IsLetterOrDigit(c) || c == '_');
        else
        {
            string signs = Array.Find(Operators, known => string.CompareOrdinal(_text, _at, known, 0, known.Length) == 0)
                ?? throw Error($"the character {(char.IsControl(c) || char.IsSurrogate(c) ? $"U+{(int)c:X4}" : $"'{c}'")} is not expected");
            if (signs is "(" or "[" or "{") open++;
            if (signs is ")" or "]" or "}") open = Math.Max(0, open - 1);
            Add(JinjaTokenKind.Operator, signs);
            _at += signs.Length;
        }
    }

    private void ReadWhile(JinjaTokenKind kind, Func<char, bool> belongs)
    {
        int end = _at;
        while (end < _text.Length && belongs(_text[end])) end++;
        Add(kind, _text[_at..end]);
        _at = end;
    }

    private void ReadNumber()
    {
        int end = Digits(_at);
        bool isFloat = end + 1 < _text.Length && _text[end] == '.' && char.IsAsciiDigit(_text[end + 1]);
        if (isFloat) end = Digits(end + 1);
        if (end < _text.Length && _text[end] is 'e' or 'E')
        {
            int digits = end + 1 < _text.Length && _text[end + 1] is '+' or '-' ? end + 2 : end + 1;
            if (digits < _text.Length && char.IsAsciiDigit(_text[digits])) (isFloat, end) = (true, Digits(digits));
        }
        Add(isFloat ? JinjaTokenKind.Float : JinjaTokenKind.Integer, _text[_at..end].Replace("_", ""));
        _at = end;
    }

    private int Digits(int at)
    {
        while (at < _text.Length && (char.IsAsciiDigit(_text[at]) || _text[at] == '_')) at++;
        return at;
    }

    private void ReadString(char quote)
    {
        int end = _at + 1;
        while (end < _text.Length && _text[end] != quote) end += _text[end] == '\\' ? 2 : 1;
        if (end >= _text.Length) throw Error("a text has no end");
        Add(JinjaTokenKind.String, Unescape(_text.AsSpan(_at + 1, end - _at - 1)));
        _at = end + 1;
    }

    /// <summary>Python's escapes; what is none keeps its backslash.</summary>
    private string Unescape(ReadOnlySpan<char> written)
    {
        if (!written.Contains('\\')) return written.ToString();
        var text = new StringBuilder();
        for (int i = 0; i < written.Length; i++)
        {
            if (written[i] != '\\')
            {
                text.Append(written[i]);
                continue;
            }

            char escape = written[++i];
            int digits = escape switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
            if (digits > 0)
            {
                if (i + digits >= written.Length || !uint.TryParse(written.Slice(i + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint code) || code > 0x10FFFF)
                    throw Error($"\\{escape} is not followed by the {digits} digits of a character");
                if (code <= char.MaxValue) text.Append((char)code);
                else text.Append(char.ConvertFromUtf32((int)code));
                i += digits;
            }
            else if (escape is >= '0' and <= '7') text.Append(Octal(written, ref i));
            else text.Append(Simple(escape));
        }
        return text.ToString();
    }

    private static string Simple(char escape) => escape switch
    {
        'a' => "\a",
        'b' => "\b",
        'f' => "\f",
        'n' => "\n",
        'r' => "\r",
        't' => "\t",
        'v' => "\v",
        '\\' or '\'' or '"' => escape.ToString(),
        '\n' => "",
        _ => $"\\{escape}",
    };

    private static char Octal(ReadOnlySpan<char> written, ref int i)
    {
        int code = 0, end = Math.Min(written.Length, i + 3);
        for (; i < end && written[i] is >= '0' and <= '7'; i++) code = (code * 8) + written[i] - '0';
        i--;
        return (char)code;
    }

    private void AddData(string data)
    {
        if (data.Length > 0) Add(JinjaTokenKind.Data, data);
    }

    private void Add(JinjaTokenKind kind, string text) => _tokens.Add(new JinjaToken(kind, text, LineHere()));

    private int LineHere()
    {
        int to = Math.Min(_at, _text.Length);
        if (to > _counted) _line += _text.AsSpan(_counted, to - _counted).Count('\n');
        _counted = Math.Max(_counted, to);
        return _line;
    }

    private JinjaException Error(string message) => new(message, LineHere());
}
