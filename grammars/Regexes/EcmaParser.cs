using System.Globalization;
using System.Text;

namespace Gemma2.Grammars.Regexes;

/// <summary>Reads a regular expression in the syntax of ECMA-262. What describes no regular language, or is no ECMA-262, is an error that says where.</summary>
internal sealed class EcmaParser
{
    private const int MostGroups = 250, MostRepeats = 1_000_000;

    private readonly string _pattern;
    private int _at, _depth;

    private EcmaParser(string pattern) => _pattern = pattern;

    /// <summary>Reads all of a pattern.</summary>
    /// <exception cref="GrammarException">It cannot be used.</exception>
    public static EcmaNode Parse(string pattern)
    {
        var parser = new EcmaParser(pattern);
        EcmaNode node = parser.Alternatives();
        return parser._at == pattern.Length ? node : throw parser.Error("')' closes no group");
    }

    private EcmaNode Alternatives()
    {
        if (++_depth > MostGroups) throw Error($"groups lie at most {MostGroups} deep");
        List<EcmaNode> options = [Terms()];
        while (Skip('|')) options.Add(Terms());
        _depth--;
        return options.Count == 1 ? options[0] : new EcmaNode.Either(options);
    }

    private EcmaNode Terms()
    {
        List<EcmaNode> parts = [];
        while (_at < _pattern.Length && _pattern[_at] is not ('|' or ')')) parts.Add(Term());
        return parts.Count == 1 ? parts[0] : new EcmaNode.Concat(parts);
    }

    private EcmaNode Term()
    {
        int start = _at;
        EcmaNode atom = Atom();
        if (Quantifier() is not var (min, max)) return atom;
        if (_pattern[start] != '(' && atom.LooksAround) throw Error("an assertion cannot be repeated", start);
        Skip('?');
        return new EcmaNode.Repeat(atom, min, max);
    }

    private EcmaNode Atom()
    {
        char first = _pattern[_at];
        switch (first)
        {
            case '^': _at++; return new EcmaNode.Start();
            case '$': _at++; return new EcmaNode.End();
            case '.': _at++; return new EcmaNode.Character(EcmaClasses.Dot);
            case '(': return Group();
            case '[': return new EcmaNode.Character(Class());
            case '\\': return Escape();
            case '*' or '+' or '?': throw Error($"'{first}' repeats nothing");
            case '{' when Quantifier() is not null: throw Error("'{' repeats nothing");
            default: return new EcmaNode.Character(Single(Rune()));
        }
    }

    private EcmaNode Group()
    {
        int start = _at++;
        bool? negated = null;
        if (Skip("?=")) negated = false;
        else if (Skip("?!")) negated = true;
        else if (Skip("?<=") || Skip("?<!")) throw Error("lookbehind is not supported", start);
        else if (Skip("?<")) SkipName(start);
        else if (!Skip("?:") && At('?')) throw Error("this kind of group is not in ECMA-262", start);
        EcmaNode inner = Alternatives();
        if (!Skip(')')) throw Error("'(' is not closed", start);
        return negated is bool negative ? new EcmaNode.Lookahead(inner, negative) : inner;
    }

    private void SkipName(int start)
    {
        int end = _pattern.IndexOf('>', _at);
        if (end <= _at) throw Error("a group's name is not closed", start);
        _at = end + 1;
    }

    /// <summary>The numbers of a quantifier at the place, which is moved behind it; null where none stands. A brace that begins no quantifier is a character.</summary>
    private (int Min, int? Max)? Quantifier()
    {
        if (Skip('*')) return (0, null);
        if (Skip('+')) return (1, null);
        if (Skip('?')) return (0, 1);
        if (!At('{')) return null;
        int start = _at++;
        int? min = Number(), max = min;
        if (min is not null && Skip(',')) max = At('}') ? null : Number() ?? -1;
        if (min is null || max == -1 || !Skip('}'))
        {
            _at = start;
            return null;
        }

        return max < min ? throw Error("a repetition's numbers are out of order", start) : (min.Value, max);
    }

    private int? Number()
    {
        int start = _at;
        while (_at < _pattern.Length && char.IsAsciiDigit(_pattern[_at])) _at++;
        if (_at == start) return null;
        return int.TryParse(_pattern.AsSpan(start, _at - start), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number <= MostRepeats
            ? number
            : throw Error($"at most {MostRepeats} repetitions can be asked for", start);
    }

    private EcmaNode Escape()
    {
        if (_at + 1 < _pattern.Length)
        {
            char kind = _pattern[_at + 1];
            if (kind is 'b' or 'B')
            {
                _at += 2;
                return new EcmaNode.WordBoundary(kind == 'B');
            }

            if (kind is (>= '1' and <= '9') or 'k') throw Error("references to groups are not supported");
        }

        return new EcmaNode.Character(EscapedSet());
    }

    /// <summary>A class in brackets.</summary>
    private CodePoints Class()
    {
        int start = _at++;
        bool negated = Skip('^');
        List<CodePoints> members = [];
        while (!Skip(']'))
        {
            if (_at >= _pattern.Length) throw Error("'[' is not closed", start);
            members.Add(ClassMember());
        }

        CodePoints set = CodePoints.Of(members.SelectMany(member => member.Ranges));
        return negated ? ~set : set;
    }

    private CodePoints ClassMember()
    {
        int start = _at;
        CodePoints first = ClassAtom();
        if (!At('-') || _at + 1 >= _pattern.Length || _pattern[_at + 1] == ']') return first;
        _at++;
        CodePoints last = ClassAtom();
        // Beside a class such as \w the hyphen is itself.
        if (Only(first) is not int low || Only(last) is not int high) return first | last | Single('-');
        return low <= high ? CodePoints.Of((low, high)) : throw Error("a range's ends are out of order", start);
    }

    private CodePoints ClassAtom()
    {
        if (_at >= _pattern.Length) throw Error("'[' is not closed");
        if (!At('\\')) return Single(Rune());
        if (_at + 1 < _pattern.Length && _pattern[_at + 1] == 'b')
        {
            _at += 2;
            return Single('\b');
        }

        return EscapedSet();
    }

    /// <summary>The set that an escape stands for: a class or one character.</summary>
    private CodePoints EscapedSet()
    {
        int start = _at++;
        if (_at >= _pattern.Length) throw Error("'\\' ends the pattern", start);
        char kind = _pattern[_at++];
        return kind switch
        {
            'd' => EcmaClasses.Digits,
            'D' => ~EcmaClasses.Digits,
            'w' => EcmaClasses.Words,
            'W' => ~EcmaClasses.Words,
            's' => EcmaClasses.Spaces,
            'S' => ~EcmaClasses.Spaces,
            'p' => Property(start),
            'P' => ~Property(start),
            't' => Single('\t'),
            'n' => Single('\n'),
            'v' => Single('\v'),
            'f' => Single('\f'),
            'r' => Single('\r'),
            '0' when _at >= _pattern.Length || !char.IsAsciiDigit(_pattern[_at]) => Single(0),
            'c' when _at < _pattern.Length && char.IsAsciiLetter(_pattern[_at]) => Single(_pattern[_at++] % 32),
            'x' => Single(Hex(2, start)),
            'u' => Single(Unicode(start)),
            _ when char.IsAsciiLetterOrDigit(kind) => throw Error($"'\\{kind}' is not in ECMA-262", start),
            _ when char.IsHighSurrogate(kind) => Single(Back().Rune()),
            _ => Single(kind),
        };
    }

    private CodePoints Property(int start)
    {
        int end = At('{') ? _pattern.IndexOf('}', _at) : -1;
        if (end < 0) throw Error("'\\p' wants a name in braces", start);
        string name = _pattern[(_at + 1)..end];
        _at = end + 1;
        return EcmaClasses.Property(name) ?? throw Error("only general categories are supported after '\\p'", start);
    }

    private int Unicode(int start)
    {
        if (Skip('{'))
        {
            int end = _pattern.IndexOf('}', _at);
            if (end > _at && end - _at <= 6) return CheckedPoint(Hex(end - _at, start), start, closing: 1);
            throw Error("'\\u{' wants a code point", start);
        }

        int high = Hex(4, start);
        if (char.IsHighSurrogate((char)high) && Skip("\\u"))
        {
            int low = Hex(4, start);
            if (char.IsLowSurrogate((char)low)) return char.ConvertToUtf32((char)high, (char)low);
        }

        return CheckedPoint(high, start, closing: 0);
    }

    private int CheckedPoint(int point, int start, int closing)
    {
        _at += closing;
        return System.Text.Rune.IsValid(point) ? point : throw Error("an escape names no character", start);
    }

    private int Hex(int digits, int start)
    {
        if (_at + digits > _pattern.Length
            || !int.TryParse(_pattern.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value))
        {
            throw Error("an escape lacks hexadecimal digits", start);
        }

        _at += digits;
        return value;
    }

    private int Rune()
    {
        if (!System.Text.Rune.TryGetRuneAt(_pattern, _at, out Rune rune)) throw Error("half a character");
        _at += rune.Utf16SequenceLength;
        return rune.Value;
    }

    private EcmaParser Back()
    {
        _at--;
        return this;
    }

    private bool At(char character) => _at < _pattern.Length && _pattern[_at] == character;

    private bool Skip(char character)
    {
        bool stands = At(character);
        if (stands) _at++;
        return stands;
    }

    private bool Skip(string text)
    {
        bool stands = _pattern.AsSpan(_at).StartsWith(text, StringComparison.Ordinal);
        if (stands) _at += text.Length;
        return stands;
    }

    private static CodePoints Single(int point) => CodePoints.Of((point, point));

    private static int? Only(CodePoints set) => set.Ranges.Count == 1 && set.Ranges[0].First == set.Ranges[0].Last ? set.Ranges[0].First : null;

    private GrammarException Error(string message, int? at = null) => new("", $"The regular expression cannot be used: {message} (at character {(at ?? _at) + 1}).");
}
