namespace Gemma2.Backend.Text.Jinja;

/// <summary>Makes statements of a template's tokens. Source: Jinja 3.1, Template Designer Documentation, "List of Control Structures".</summary>
internal sealed partial class JinjaParser
{
    private readonly IReadOnlyList<JinjaToken> _tokens;
    private int _at;
    private int _depth;
    private int _loops;

    private JinjaParser(IReadOnlyList<JinjaToken> tokens) => _tokens = tokens;

    private JinjaToken Current => _tokens[_at];

    /// <summary>A template's statements.</summary>
    /// <exception cref="JinjaException">It is not one, or has what is not supported.</exception>
    public static IReadOnlyList<JinjaStatement> Parse(string template)
    {
        if (template.Length > JinjaLimits.LongestTemplate) throw new JinjaException($"is {template.Length} characters long; allowed are {JinjaLimits.LongestTemplate}", 0);
        var parser = new JinjaParser(JinjaLexer.Read(template));
        IReadOnlyList<JinjaStatement> all = parser.ParseBody([]);
        return parser.Current.Kind == JinjaTokenKind.End ? all : throw parser.NotExpected();
    }

    /// <summary>Everything up to a tag that begins with one of these words; its beginning and the word are read too.</summary>
    private List<JinjaStatement> ParseBody(ReadOnlySpan<string> ends)
    {
        Enter();
        int begun = _at > 0 ? _tokens[_at - 1].Line : 1;
        List<JinjaStatement> body = [];
        while (Current.Kind != JinjaTokenKind.End)
        {
            if (Current.Kind == JinjaTokenKind.TagBegin && _tokens[_at + 1] is { Kind: JinjaTokenKind.Name } word && ends.Contains(word.Text))
            {
                _at += 2;
                _depth--;
                return body;
            }
            body.Add(ParseNext());
        }
        _depth--;
        return ends.IsEmpty ? body : throw new JinjaException($"the tag has no {{% {ends[^1]} %}}", begun);
    }

    private JinjaStatement ParseNext()
    {
        JinjaToken token = Next();
        switch (token.Kind)
        {
            case JinjaTokenKind.Data:
                return new DataStatement(token.Text, token.Line);
            case JinjaTokenKind.OutputBegin:
                JinjaExpression value = ParseTuple();
                Expect(JinjaTokenKind.OutputEnd, "}}");
                return new OutputStatement(value, token.Line);
            default:
                return ParseTag();
        }
    }

    private JinjaStatement ParseTag()
    {
        JinjaToken word = Expect(JinjaTokenKind.Name, "a tag's name");
        return word.Text switch
        {
            "if" => ParseIf(word.Line),
            "for" => ParseFor(word.Line),
            "set" => ParseSet(word.Line),
            "macro" => ParseMacro(word.Line),
            "filter" => ParseFilterTag(word.Line),
            "with" => ParseWith(word.Line),
            "generation" => new ScopeStatement([], ParseBlock("endgeneration"), word.Line),
            "break" or "continue" => ParseFlow(word),
            _ => throw new JinjaException($"{{% {word.Text} %}} is not supported here", word.Line),
        };
    }

    private IfStatement ParseIf(int line)
    {
        List<(JinjaExpression, IReadOnlyList<JinjaStatement>)> branches = [];
        IReadOnlyList<JinjaStatement> otherwise = [];
        string word = "if";
        while (word is "if" or "elif")
        {
            JinjaExpression condition = ParseTuple(withCondition: false);
            ExpectTagEnd();
            branches.Add((condition, ParseBody(["elif", "else", "endif"])));
            word = _tokens[_at - 1].Text;
        }
        if (word == "else") otherwise = ParseBlock("endif");
        else ExpectTagEnd();
        return new IfStatement(branches, otherwise, line);
    }

    private ForStatement ParseFor(int line)
    {
        JinjaTarget target = ParseTarget(allowsAttributes: false);
        ExpectName("in");
        JinjaExpression items = ParseTuple(withCondition: false);
        JinjaExpression? condition = TakeName("if") ? ParseExpression() : null;
        if (Current.IsName("recursive")) throw new JinjaException("a recursive loop is not supported", Current.Line);
        ExpectTagEnd();
        _loops++;
        IReadOnlyList<JinjaStatement> body = ParseBody(["else", "endfor"]);
        _loops--;
        IReadOnlyList<JinjaStatement> otherwise = [];
        if (_tokens[_at - 1].Text == "else") otherwise = ParseBlock("endfor");
        else ExpectTagEnd();
        return new ForStatement(target, items, condition, body, otherwise, line);
    }

    private FlowStatement ParseFlow(JinjaToken word)
    {
        if (_loops == 0) throw new JinjaException($"{{% {word.Text} %}} stands in no loop", word.Line);
        ExpectTagEnd();
        return new FlowStatement(word.Text == "break" ? JinjaFlow.Break : JinjaFlow.Continue, word.Line);
    }

    private JinjaStatement ParseSet(int line)
    {
        JinjaTarget target = ParseTarget(allowsAttributes: true);
        if (TakeOperator("="))
        {
            JinjaExpression value = ParseTuple();
            ExpectTagEnd();
            return new SetStatement(target, value, line);
        }
        JinjaExpression filter = ParseFilters(new NameExpression(CaptureStatement.Captured, line));
        ExpectTagEnd();
        return new CaptureStatement(target, ParseLoopless("endset"), filter, line);
    }

    private CaptureStatement ParseFilterTag(int line)
    {
        JinjaExpression filter = ParseFilters(ParseFilter(new NameExpression(CaptureStatement.Captured, line)));
        ExpectTagEnd();
        return new CaptureStatement(null, ParseLoopless("endfilter"), filter, line);
    }

    private ScopeStatement ParseWith(int line)
    {
        List<(JinjaTarget, JinjaExpression)> names = [];
        while (Current.Kind != JinjaTokenKind.TagEnd)
        {
            if (names.Count > 0) ExpectOperator(",");
            JinjaTarget target = ParseTarget(allowsAttributes: false);
            ExpectOperator("=");
            names.Add((target, ParseExpression()));
        }
        return new ScopeStatement(names, ParseBlock("endwith"), line);
    }

    private MacroStatement ParseMacro(int line)
    {
        string name = Expect(JinjaTokenKind.Name, "a macro's name").Text;
        ExpectOperator("(");
        List<(string, JinjaExpression?)> parameters = [];
        while (!TakeOperator(")"))
        {
            if (parameters.Count > 0) ExpectOperator(",");
            string parameter = Expect(JinjaTokenKind.Name, "a parameter's name").Text;
            parameters.Add((parameter, TakeOperator("=") ? ParseExpression() : null));
        }
        ExpectTagEnd();
        return new MacroStatement(name, parameters, ParseLoopless("endmacro"), line);
    }

    /// <summary>A body whose loops are its own.</summary>
    private List<JinjaStatement> ParseLoopless(string end)
    {
        (int loops, _loops) = (_loops, 0);
        List<JinjaStatement> body = ParseBody([end]);
        _loops = loops;
        // A macro's end may repeat its name.
        if (end == "endmacro" && Current.Kind == JinjaTokenKind.Name) _at++;
        ExpectTagEnd();
        return body;
    }

    /// <summary>The end of a tag, and all up to the tag that ends it.</summary>
    private List<JinjaStatement> ParseBlock(string end)
    {
        ExpectTagEnd();
        List<JinjaStatement> body = ParseBody([end]);
        ExpectTagEnd();
        return body;
    }

    private JinjaTarget ParseTarget(bool allowsAttributes)
    {
        List<JinjaTarget> targets = [];
        bool isTuple = false;
        do
        {
            if (targets.Count > 0 && Current.Kind != JinjaTokenKind.Name && !Current.IsOperator("(")) break;
            targets.Add(ParseOneTarget(allowsAttributes));
            isTuple |= Current.IsOperator(",");
        }
        while (TakeOperator(","));
        return isTuple ? new JinjaTarget("", Several: targets) : targets[0];
    }

    private JinjaTarget ParseOneTarget(bool allowsAttributes)
    {
        if (TakeOperator("("))
        {
            Enter();
            JinjaTarget inside = ParseTarget(allowsAttributes: false);
            ExpectOperator(")");
            _depth--;
            return inside;
        }
        JinjaToken name = Expect(JinjaTokenKind.Name, "a name");
        if (name.Text is "true" or "false" or "none" or "True" or "False" or "None") throw new JinjaException($"'{name.Text}' gets no value", name.Line);
        return allowsAttributes && TakeOperator(".") ? new JinjaTarget(name.Text, Expect(JinjaTokenKind.Name, "an attribute's name").Text) : new JinjaTarget(name.Text);
    }

    private JinjaToken Next() => Current.Kind == JinjaTokenKind.End ? Current : _tokens[_at++];

    private JinjaToken Expect(JinjaTokenKind kind, string what) => Current.Kind == kind ? Next() : throw NotExpected(what);

    private void ExpectTagEnd() => Expect(JinjaTokenKind.TagEnd, "%}");

    private void ExpectOperator(string signs)
    {
        if (!TakeOperator(signs)) throw NotExpected($"'{signs}'");
    }

    private void ExpectName(string word)
    {
        if (!TakeName(word)) throw NotExpected($"'{word}'");
    }

    private bool TakeOperator(string signs) => Take(Current.IsOperator(signs));

    private bool TakeName(string word) => Take(Current.IsName(word));

    private bool Take(bool isIt)
    {
        if (isIt) _at++;
        return isIt;
    }

    private void Enter()
    {
        if (++_depth > JinjaLimits.Depth) throw new JinjaException($"is nested deeper than {JinjaLimits.Depth}", Current.Line);
    }

    private JinjaException NotExpected(string? wanted = null) => new($"{Current} is not expected{(wanted is null ? "" : $"; {wanted} should be here")}", Current.Line);
}
