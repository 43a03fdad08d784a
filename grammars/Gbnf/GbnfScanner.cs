using System.Buffers;
using System.Globalization;
using System.Text;

namespace Gemma2.Grammars.Gbnf;

/// <summary>Reads a grammar's text character by character and knows in which line and column it is.</summary>
/// <param name="text">The grammar.</param>
internal sealed class GbnfScanner(string text)
{
    private const string EscapesAllowed = "allowed are \\n, \\r, \\t, \\\\, \\\", \\[, \\], \\x and two, \\u and four, \\U and eight hexadecimal digits";

    private int _place;

    /// <summary>Whether all is read.</summary>
    public bool IsAtEnd => _place == text.Length;

    /// <summary>The next character; NUL at the end.</summary>
    public char Next => IsAtEnd ? '\0' : text[_place];

    /// <summary>Where the next character is.</summary>
    public int Place => _place;

    /// <summary>Skips blanks and comments.</summary>
    /// <param name="breaks">Whether breaks of lines are blanks.</param>
    public void SkipBlanks(bool breaks)
    {
        while (!IsAtEnd)
        {
            if (Next == '#')
            {
                while (!IsAtEnd && Next is not ('\r' or '\n')) _place++;
            }
            else if (Next is ' ' or '\t' || (breaks && Next is '\r' or '\n'))
            {
                _place++;
            }
            else
            {
                return;
            }
        }
    }

    /// <summary>Reads a text if it comes next.</summary>
    public bool TryRead(string expected)
    {
        bool isNext = string.CompareOrdinal(text, _place, expected, 0, expected.Length) == 0;
        if (isNext) _place += expected.Length;
        return isNext;
    }

    /// <summary>Reads a text if it comes after blanks, breaks of lines and comments; else nothing.</summary>
    public bool TryReadPastBlanks(string expected)
    {
        int start = _place;
        SkipBlanks(breaks: true);
        if (TryRead(expected)) return true;
        _place = start;
        return false;
    }

    /// <summary>Reads the name of a rule; "" where none comes.</summary>
    public string ReadName() => ReadWhile(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');

    /// <summary>Reads a count; null where none comes.</summary>
    public int? ReadCount()
    {
        int start = _place;
        string digits = ReadWhile(char.IsAsciiDigit);
        if (digits.Length == 0) return null;
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : throw Error(start, $"{digits} is too many times.");
    }

    /// <summary>Reads a character of a literal or class, which may be an escape.</summary>
    /// <param name="within">What it is in, for messages: "the literal".</param>
    public int ReadCharacter(string within)
    {
        int start = _place;
        if (IsAtEnd || Next is '\r' or '\n') throw Error(start, $"{within} is not closed in its line.");
        if (Next != '\\')
        {
            if (Rune.DecodeFromUtf16(text.AsSpan(_place), out Rune rune, out int length) != OperationStatus.Done) throw Error(start, "half of a surrogate pair is no character.");
            _place += length;
            return rune.Value;
        }

        _place++;
        char escape = Next;
        if (!IsAtEnd) _place++;
        return escape switch
        {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '\\' or '"' or '[' or ']' => escape,
            'x' => ReadHex(start, 2),
            'u' => ReadHex(start, 4),
            'U' => ReadHex(start, 8),
            _ => throw Error(start, $"the escape is unknown; {EscapesAllowed}."),
        };
    }

    /// <summary>An error at a place.</summary>
    public GrammarException Error(int place, string message)
    {
        int line = text.AsSpan(0, place).Count('\n') + 1, column = place - text.LastIndexOf('\n', Math.Max(place - 1, 0), Math.Min(place, text.Length));
        return new($"line {line}, column {column}", message);
    }

    private int ReadHex(int start, int digits)
    {
        if (_place + digits > text.Length || !int.TryParse(text.AsSpan(_place, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value) || !Rune.IsValid(value))
            throw Error(start, $"the escape is no character; {EscapesAllowed}.");
        _place += digits;
        return value;
    }

    private string ReadWhile(Func<char, bool> holds)
    {
        int start = _place;
        while (!IsAtEnd && holds(Next)) _place++;
        return text[start.._place];
    }
}
