using System.Globalization;

namespace Gemma2.Backend.Text.Jinja;

/// <content>Expressions, by their binding: the inline if, or, and, not, comparisons, + and -, ~, * and the like, **, signs, filters and tests.</content>
internal sealed partial class JinjaParser
{
    private JinjaExpression ParseExpression(bool withCondition = true)
    {
        Enter();
        JinjaExpression value = ParseOr();
        while (withCondition && Current.IsName("if"))
        {
            int line = Next().Line;
            JinjaExpression condition = ParseOr();
            value = new ConditionExpression(condition, value, TakeName("else") ? ParseExpression() : null, line);
        }
        _depth--;
        return value;
    }

    /// <summary>One expression, or several with commas between them.</summary>
    private JinjaExpression ParseTuple(bool withCondition = true)
    {
        int line = Current.Line;
        JinjaExpression first = ParseExpression(withCondition);
        if (!Current.IsOperator(",")) return first;
        List<JinjaExpression> items = [first];
        while (TakeOperator(",") && !IsEnd()) items.Add(ParseExpression(withCondition));
        return new ListExpression(items, isTuple: true, line);
    }

    private bool IsEnd() => Current.Kind is JinjaTokenKind.TagEnd or JinjaTokenKind.OutputEnd or JinjaTokenKind.End || Current.IsOperator(")");

    private JinjaExpression ParseOr()
    {
        JinjaExpression left = ParseAnd();
        while (Current.IsName("or")) left = new LogicExpression(left, After(ParseAnd, out int line), isAnd: false, line);
        return left;
    }

    private JinjaExpression ParseAnd()
    {
        JinjaExpression left = ParseNot();
        while (Current.IsName("and")) left = new LogicExpression(left, After(ParseNot, out int line), isAnd: true, line);
        return left;
    }

    private JinjaExpression ParseNot()
    {
        if (!Current.IsName("not")) return ParseComparison();
        Enter();
        JinjaExpression value = new NotExpression(After(ParseNot, out int line), line);
        _depth--;
        return value;
    }

    private JinjaExpression ParseComparison()
    {
        int line = Current.Line;
        JinjaExpression first = ParseSum();
        List<(string, JinjaExpression)> others = [];
        while (ComparisonHere() is { } signs)
        {
            _at += signs == "not in" ? 2 : 1;
            others.Add((signs, ParseSum()));
        }
        return others.Count == 0 ? first : new CompareExpression(first, others, line);
    }

    private string? ComparisonHere() => Current switch
    {
        { Kind: JinjaTokenKind.Operator, Text: "==" or "!=" or "<" or "<=" or ">" or ">=" } token => token.Text,
        { Kind: JinjaTokenKind.Name, Text: "in" } => "in",
        { Kind: JinjaTokenKind.Name, Text: "not" } when _tokens[_at + 1].IsName("in") => "not in",
        _ => null,
    };

    private JinjaExpression ParseSum()
    {
        JinjaExpression left = ParseConcatenation();
        while (Current is { Kind: JinjaTokenKind.Operator, Text: "+" or "-" } token) left = new ArithmeticExpression(token.Text, left, After(ParseConcatenation, out int line), line);
        return left;
    }

    private JinjaExpression ParseConcatenation()
    {
        int line = Current.Line;
        List<JinjaExpression> parts = [ParseProduct()];
        while (TakeOperator("~")) parts.Add(ParseProduct());
        return parts.Count == 1 ? parts[0] : new ConcatenationExpression(parts, line);
    }

    private JinjaExpression ParseProduct()
    {
        JinjaExpression left = ParsePower();
        while (Current is { Kind: JinjaTokenKind.Operator, Text: "*" or "/" or "//" or "%" } token) left = new ArithmeticExpression(token.Text, left, After(ParsePower, out int line), line);
        return left;
    }

    private JinjaExpression ParsePower()
    {
        JinjaExpression left = ParseSigned();
        while (Current.IsOperator("**")) left = new ArithmeticExpression("**", left, After(() => ParseSigned(), out int line), line);
        return left;
    }

    private JinjaExpression ParseSigned(bool withFilters = true)
    {
        Enter();
        JinjaExpression value = Current is { Kind: JinjaTokenKind.Operator, Text: "-" or "+" } sign
            ? new SignExpression(After(() => ParseSigned(withFilters: false), out int line), sign.Text == "-", line)
            : ParsePrimary();
        value = ParsePostfix(value);
        if (withFilters) value = ParseFilters(value);
        _depth--;
        return value;
    }

    private JinjaExpression ParsePrimary()
    {
        JinjaToken token = Next();
        switch (token.Kind)
        {
            case JinjaTokenKind.Name:
                return ParseName(token);
            case JinjaTokenKind.String:
                string text = token.Text;
                while (Current.Kind == JinjaTokenKind.String) text += Next().Text;
                return new LiteralExpression(JinjaText.Of(text), token.Line);
            case JinjaTokenKind.Integer:
                return long.TryParse(token.Text, NumberStyles.None, CultureInfo.InvariantCulture, out long whole)
                    ? new LiteralExpression(whole, token.Line)
                    : throw new JinjaException("whole numbers of more than 64 bits are not supported", token.Line);
            case JinjaTokenKind.Float:
                return new LiteralExpression(double.Parse(token.Text, CultureInfo.InvariantCulture), token.Line);
            case JinjaTokenKind.Operator when token.Text == "(":
                return ParseBrackets(token.Line);
            case JinjaTokenKind.Operator when token.Text == "[":
                return new ListExpression(ParseItems("]"), isTuple: false, token.Line);
            case JinjaTokenKind.Operator when token.Text == "{":
                return ParseMap(token.Line);
            default:
                if (token.Kind != JinjaTokenKind.End) _at--;
                throw NotExpected("a value");
        }
    }

    private static JinjaExpression ParseName(JinjaToken name) => name.Text switch
    {
        "true" or "True" => new LiteralExpression(true, name.Line),
        "false" or "False" => new LiteralExpression(false, name.Line),
        "none" or "None" => new LiteralExpression(null, name.Line),
        _ => new NameExpression(name.Text, name.Line),
    };

    private JinjaExpression ParseBrackets(int line)
    {
        if (TakeOperator(")")) return new ListExpression([], isTuple: true, line);
        JinjaExpression value = ParseTuple();
        ExpectOperator(")");
        return value;
    }

    private List<JinjaExpression> ParseItems(string close)
    {
        List<JinjaExpression> items = [];
        while (!TakeOperator(close))
        {
            if (items.Count > 0) ExpectOperator(",");
            if (TakeOperator(close)) break;
            items.Add(ParseExpression());
        }
        return items;
    }

    private MapExpression ParseMap(int line)
    {
        List<(JinjaExpression, JinjaExpression)> entries = [];
        while (!TakeOperator("}"))
        {
            if (entries.Count > 0) ExpectOperator(",");
            if (TakeOperator("}")) break;
            JinjaExpression key = ParseExpression();
            ExpectOperator(":");
            entries.Add((key, ParseExpression()));
        }
        return new MapExpression(entries, line);
    }

    private JinjaExpression ParsePostfix(JinjaExpression value)
    {
        while (true)
        {
            int line = Current.Line;
            if (TakeOperator(".")) value = ParseAttribute(value, line);
            else if (TakeOperator("[")) value = ParseSubscript(value, line);
            else if (TakeOperator("(")) value = new CallExpression(value, ParseArguments(), line);
            else return value;
        }
    }

    private MemberExpression ParseAttribute(JinjaExpression value, int line)
    {
        if (Current.Kind == JinjaTokenKind.Integer && long.TryParse(Current.Text, NumberStyles.None, CultureInfo.InvariantCulture, out long index))
        {
            _at++;
            return new MemberExpression(value, new LiteralExpression(index, line), isAttribute: false, line);
        }
        return new MemberExpression(value, new LiteralExpression(JinjaText.Of(Expect(JinjaTokenKind.Name, "an attribute's name").Text), line), isAttribute: true, line);
    }

    private JinjaExpression ParseSubscript(JinjaExpression value, int line)
    {
        JinjaExpression? start = Current.IsOperator(":") ? null : ParseExpression();
        if (start is not null && TakeOperator("]")) return new MemberExpression(value, start, isAttribute: false, line);
        ExpectOperator(":");
        JinjaExpression? end = BoundHere();
        JinjaExpression? step = TakeOperator(":") ? BoundHere() : null;
        ExpectOperator("]");
        return new SliceExpression(value, start, end, step, line);
    }

    private JinjaExpression? BoundHere() => Current.IsOperator(":") || Current.IsOperator("]") ? null : ParseExpression();

    /// <summary>Arguments, behind the bracket that opens them.</summary>
    private JinjaArguments ParseArguments()
    {
        List<JinjaExpression> positional = [];
        List<(string Name, JinjaExpression)> named = [];
        while (!TakeOperator(")"))
        {
            if (positional.Count + named.Count > 0) ExpectOperator(",");
            if (TakeOperator(")")) break;
            if (Current.IsOperator("*") || Current.IsOperator("**")) throw new JinjaException($"arguments with {Current.Text} are not supported", Current.Line);
            if (Current.Kind == JinjaTokenKind.Name && _tokens[_at + 1].IsOperator("="))
            {
                JinjaToken name = Next();
                if (named.Exists(other => other.Name == name.Text)) throw new JinjaException($"the argument {name.Text} is given twice", name.Line);
                _at++;
                named.Add((name.Text, ParseExpression()));
            }
            else if (named.Count > 0) throw NotExpected("an argument with a name");
            else positional.Add(ParseExpression());
        }
        return new JinjaArguments(positional, named);
    }

    private JinjaExpression ParseFilters(JinjaExpression value)
    {
        while (true)
        {
            if (TakeOperator("|")) value = ParseFilter(value);
            else if (Current.IsName("is")) value = ParseTest(value);
            else if (Current.IsOperator("("))
            {
                int line = Next().Line;
                value = new CallExpression(value, ParseArguments(), line);
            }
            else return value;
        }
    }

    private FilterExpression ParseFilter(JinjaExpression value)
    {
        JinjaToken name = Expect(JinjaTokenKind.Name, "a filter's name");
        return new FilterExpression(value, name.Text, TakeOperator("(") ? ParseArguments() : JinjaArguments.None, name.Line);
    }

    private JinjaExpression ParseTest(JinjaExpression value)
    {
        int line = Next().Line;
        bool isNegated = TakeName("not");
        JinjaToken name = Expect(JinjaTokenKind.Name, "a test's name");
        JinjaArguments arguments = TakeOperator("(") ? ParseArguments()
            : BeginsArgument() ? new JinjaArguments([ParsePostfix(ParsePrimary())], [])
            : JinjaArguments.None;
        JinjaExpression test = new TestExpression(value, name.Text, arguments, name.Line);
        return isNegated ? new NotExpression(test, line) : test;
    }

    private bool BeginsArgument() => Current switch
    {
        { Kind: JinjaTokenKind.String or JinjaTokenKind.Integer or JinjaTokenKind.Float } => true,
        { Kind: JinjaTokenKind.Operator, Text: "(" or "[" or "{" } => true,
        { Kind: JinjaTokenKind.Name, Text: not ("else" or "or" or "and" or "if" or "is" or "not" or "in") } => true,
        _ => false,
    };

    /// <summary>What stands behind an operator.</summary>
    private JinjaExpression After(Func<JinjaExpression> parse, out int line)
    {
        line = Next().Line;
        return parse();
    }
}
