using System.Runtime.CompilerServices;
using Gemma2.Grammars.Regexes;
using Gemma2.Grammars.Syntax;

namespace Gemma2.Grammars.Gbnf;

/// <summary>
/// Compiles grammars in GBNF, as llama.cpp describes it: <c>name ::= alternatives</c>, a rule a line, where a line goes on after <c>::=</c>, around <c>|</c> and within
/// parentheses; <c>"literals"</c>, <c>[classes]</c>, <c>[^classes]</c>, <c>.</c>, names, <c>( )</c>, and <c>? * + {n} {m,} {m,n}</c> behind them; <c>#</c> begins a comment.
/// A text of the grammar is one of the rule <c>root</c>.
/// </summary>
internal sealed class GbnfCompiler
{
    private readonly GbnfScanner _scanner;
    private readonly GrammarStore _store;
    private readonly Dictionary<string, Rule> _rules = [];

    private GbnfCompiler(string text, GrammarStore store) => (_scanner, _store) = (new(text), store);

    /// <summary>The texts of a grammar.</summary>
    /// <exception cref="GrammarException">It is wrong; the path tells the line and column.</exception>
    public static GrammarNode Compile(string text, GrammarStore store) => new GbnfCompiler(text, store).Compile();

    private GrammarRule Compile()
    {
        _scanner.SkipBlanks(breaks: true);
        while (!_scanner.IsAtEnd)
        {
            ReadRule();
            _scanner.SkipBlanks(breaks: true);
        }

        foreach ((string name, Rule rule) in _rules)
        {
            if (rule.Defined is null) throw _scanner.Error(rule.Seen, $"rule {name} is not defined.");
        }

        if (!_rules.TryGetValue("root", out Rule? root)) throw _scanner.Error(0, "rule root is missing; it tells what the whole text is.");
        Settle();
        return root.Node;
    }

    private void Settle()
    {
        try
        {
            _store.Settle();
        }
        catch (GrammarException e) when (_rules.TryGetValue(e.Path, out Rule? rule))
        {
            throw _scanner.Error(rule.Defined!.Value, $"rule {e.Message.Replace(": is", " is", StringComparison.Ordinal)}");
        }

        foreach ((string name, Rule rule) in _rules)
        {
            if (!rule.Node.IsProductive) throw _scanner.Error(rule.Defined!.Value, $"rule {name} allows no text: whatever it begins with never ends.");
        }
    }

    private void ReadRule()
    {
        int place = _scanner.Place;
        string name = _scanner.ReadName();
        if (name.Length == 0) throw _scanner.Error(place, "expected is a rule: name ::= what it is.");
        Rule rule = RuleOf(name, place);
        if (rule.Defined is not null) throw _scanner.Error(place, $"rule {name} is defined twice.");
        rule.Defined = place;
        _scanner.SkipBlanks(breaks: false);
        if (!_scanner.TryRead("::=")) throw _scanner.Error(_scanner.Place, $"expected is ::= after {name}.");
        _scanner.SkipBlanks(breaks: true);
        rule.Node.Body = ReadChoice(inGroup: false);
        if (!_scanner.IsAtEnd && _scanner.Next is not ('\r' or '\n')) throw Unexpected();
    }

    private GrammarNode ReadChoice(bool inGroup)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        List<GrammarNode> options = [ReadSequence(inGroup)];
        while (_scanner.TryReadPastBlanks("|"))
        {
            _scanner.SkipBlanks(breaks: true);
            options.Add(ReadSequence(inGroup));
        }

        return _store.Choice([.. options]);
    }

    private GrammarNode ReadSequence(bool inGroup)
    {
        List<GrammarNode> items = [];
        while (TryReadItem() is { } item)
        {
            items.Add(ReadCounts(item, inGroup));
            _scanner.SkipBlanks(breaks: inGroup);
        }

        return _store.Sequence([.. items]);
    }

    private GrammarNode? TryReadItem()
    {
        int place = _scanner.Place;
        switch (_scanner.Next)
        {
            case '"':
                _scanner.TryRead("\"");
                return ReadLiteral();
            case '[':
                _scanner.TryRead("[");
                return ReadClass();
            case '.':
                _scanner.TryRead(".");
                return _store.Terminal(_store.Regexes.AnyChar);
            case '(':
                _scanner.TryRead("(");
                _scanner.SkipBlanks(breaks: true);
                GrammarNode group = ReadChoice(inGroup: true);
                return _scanner.TryRead(")") ? group : throw (_scanner.IsAtEnd ? _scanner.Error(place, "the parenthesis is not closed.") : Unexpected());
        }

        string name = _scanner.ReadName();
        return name.Length > 0 ? RuleOf(name, place).Node : null;
    }

    private GrammarNode ReadCounts(GrammarNode item, bool inGroup)
    {
        while (true)
        {
            _scanner.SkipBlanks(breaks: inGroup);
            int place = _scanner.Place;
            if (_scanner.TryRead("?")) item = _store.Repeat(item, 0, 1);
            else if (_scanner.TryRead("*")) item = _store.Repeat(item, 0, null);
            else if (_scanner.TryRead("+")) item = _store.Repeat(item, 1, null);
            else if (_scanner.TryRead("{")) item = ReadBraces(item, place);
            else return item;
        }
    }

    private GrammarNode ReadBraces(GrammarNode item, int place)
    {
        _scanner.SkipBlanks(breaks: false);
        int? min = _scanner.ReadCount();
        _scanner.SkipBlanks(breaks: false);
        bool isRange = _scanner.TryRead(",");
        _scanner.SkipBlanks(breaks: false);
        int? max = isRange ? _scanner.ReadCount() : min;
        _scanner.SkipBlanks(breaks: false);
        if ((min ?? max) is null || !_scanner.TryRead("}")) throw _scanner.Error(place, "the count is not understood; allowed are {n}, {m,}, {,n} and {m,n}.");
        return max < min ? throw _scanner.Error(place, $"the most, {max}, is less than the least, {min}.") : _store.Repeat(item, min ?? 0, max);
    }

    private GrammarNode ReadLiteral()
    {
        List<Regex> characters = [];
        while (!_scanner.TryRead("\"")) characters.Add(_store.Regexes.Literal(char.ConvertFromUtf32(_scanner.ReadCharacter("the literal"))));
        return _store.Terminal(_store.Regexes.Concat([.. characters]));
    }

    private GrammarNode ReadClass()
    {
        int start = _scanner.Place - 1;
        bool isNegated = _scanner.TryRead("^");
        List<(int First, int Last)> ranges = [];
        while (!_scanner.TryRead("]"))
        {
            int place = _scanner.Place, first = _scanner.ReadCharacter("the class"), last = first;
            // A hyphen before the end stands for itself.
            if (_scanner.Next == '-' && _scanner.TryRead("-"))
            {
                if (_scanner.Next == ']') ranges.Add(('-', '-'));
                else last = _scanner.ReadCharacter("the class");
            }

            ranges.Add(first <= last ? (first, last) : throw _scanner.Error(place, "the range ends before it begins."));
        }

        if (ranges.Count == 0 && !isNegated) throw _scanner.Error(start, "the class is empty.");
        return _store.Terminal(_store.Regexes.Chars(isNegated ? Complement(ranges) : ranges));
    }

    private static List<(int First, int Last)> Complement(List<(int First, int Last)> ranges)
    {
        List<(int, int)> complement = [];
        int next = 0;
        foreach ((int first, int last) in ranges.Order())
        {
            if (next < first) complement.Add((next, first - 1));
            next = Math.Max(next, last + 1);
        }

        if (next <= 0x10FFFF) complement.Add((next, 0x10FFFF));
        return complement;
    }

    private Rule RuleOf(string name, int place)
    {
        if (!_rules.TryGetValue(name, out Rule? rule)) _rules.Add(name, rule = new(_store.NewRule(name), place));
        return rule;
    }

    private GrammarException Unexpected() => _scanner.Error(_scanner.Place, _scanner.Next is '\r' or '\n' ? "the line ends too early." : $"'{_scanner.Next}' is not expected here.");

    private sealed class Rule(GrammarRule node, int seen)
    {
        public GrammarRule Node => node;

        public int Seen => seen;

        public int? Defined { get; set; }
    }
}
