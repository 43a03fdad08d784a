using Gemma2.Backend.Text.Jinja;

namespace Gemma2.Backend.Tests.Text.Jinja;

public sealed class JinjaTemplateTests
{
    private static readonly Dictionary<string, object?> Values = new()
    {
        ["a"] = JinjaText.Of("Hello World"),
        ["b"] = JinjaText.Of("  x y  "),
        ["n"] = 5L,
        ["f"] = 2.5,
        ["neg"] = -7L,
        ["l"] = new JinjaList([1L, 2L, 3L]),
        ["ls"] = new JinjaList([JinjaText.Of("b"), JinjaText.Of("a"), JinjaText.Of("C")]),
        ["d"] = Map(("k", JinjaText.Of("v")), ("z", 1L), ("items", 3L)),
        ["none"] = null,
        ["t"] = true,
        ["e"] = JinjaText.Of(""),
        ["el"] = new JinjaList([]),
        ["ml"] = JinjaText.Of("l1\nl2\n\nl3\n"),
        ["u"] = JinjaText.Of("aé🙂b"),
        ["msgs"] = new JinjaList(
        [
            Map(("role", JinjaText.Of("user")), ("content", JinjaText.Of("hi")), ("n", 2L)),
            Map(("role", JinjaText.Of("assistant")), ("content", JinjaText.Of("yo")), ("n", 1L)),
            Map(("role", JinjaText.Of("user")), ("content", JinjaText.Of("q"))),
        ]),
    };

    [Fact]
    public void Render_Expressions_AreAsJinjaHasThem() =>
        Assert.All(KnownExpressions.Values, known => Assert.Equal(known.Text, Render($"{{{{ {known.Expression} }}}}")));

    [Fact]
    public void Render_ExpressionsThatJinjaRefuses_AreRefused() =>
        Assert.All(KnownExpressions.Refused, expression => Assert.Throws<JinjaException>(() => Render($"{{{{ {expression} }}}}")));

    // Each computed with Jinja 3.1.6.
    [Theory]
    [InlineData("{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }} {{ loop.previtem }}{{ loop.nextitem }};{% endfor %}", "103TrueFalse 2;212FalseFalse 13;321FalseTrue 2;")]
    [InlineData("{% for x in l if x is odd %}{{ loop.index }}:{{ x }},{% else %}none{% endfor %}{% for x in el %}a{% else %}none{% endfor %}", "1:1,2:3,none")]
    [InlineData("{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for (a,b) in [(1,2),(3,4)] %}{{ a + b }}{% endfor %}", "k=v;z=1;items=3;37")]
    [InlineData("{% set x = 1 %}{% for i in l %}{{ x }}{% set x = i %}{{ x }}{% endfor %}{{ x }}", "1112131")]
    [InlineData("{% set ns = namespace(n=0) %}{% for i in l %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "6")]
    [InlineData("{% if t %}{% set q = 5 %}{% endif %}{{ q }}{% if not t %}x{% elif l %}y{% else %}z{% endif %}", "5y")]
    [InlineData("{% set x %}a{{ l[0] }}b{% endset %}{{ x }}{% set y | upper %}abc{% endset %}{{ y }}{% set p, q = 1, 2 %}{{ p }}{{ q }}", "a1bABC12")]
    [InlineData("{% macro m(a, b='x', c=none) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1,2) }}{{ m(b=3,a=4) }}{{ m() }}", "[1xNone][12None][43None][xNone]")]
    [InlineData("{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(5) }}", "54321")]
    [InlineData("{% set g = 7 %}{% macro m() %}{{ g }}{% endmacro %}{% for g in [9] %}{{ m() }}{% endfor %}", "7")]
    [InlineData("{% for i in l %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}{% for i in l %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "131")]
    [InlineData("{% filter upper %}abc{{ l }}{% endfilter %}{% with p = 3, q = 4 %}{{ p + q }}{% endwith %}{{ p }}", "ABC[1, 2, 3]7")]
    [InlineData("{% raw %}{{ x }}{% endraw %}|{%- raw -%}  {% y %} {%- endraw -%}  z", "{{ x }}|{% y %}z")]
    [InlineData("a{# c #}b\n  {# c #}\nc\n{#- x -#}\n  d{# {{ }} {% #}e", "ab\ncde")]
    [InlineData("{% for i in l %}{{ loop.cycle('a','b') }}{% endfor %}{% for i in [1,1,2] %}{{ loop.changed(i) }}{% endfor %}", "abaTrueFalseTrue")]
    [InlineData("{% if t -%}\n  x\n  {%- endif %}\n y", "x y")]
    [InlineData("  {% if t %}\n  x\n  {% endif %}\ny\n", "  x\ny")]
    [InlineData("a\r\nb\rc\n\n", "a\nb\nc\n")]
    [InlineData("{{ '{{' }}{{ '}}' }}{{ {'a':{'b':1}}['a']['b'] }}{{ {'a':{'b':1}} }}", "{{}}1{'a': {'b': 1}}")]
    public void Render_Tags_AreAsJinjaHasThem(string template, string expected) => Assert.Equal(expected, Render(template));

    [Theory]
    [InlineData("a\n{% include 'x' %}", "line 2: {% include %} is not supported here")]
    [InlineData("{% nosuch %}", "line 1: {% nosuch %} is not supported here")]
    [InlineData("{{ 1 }}\n\n{{ a | nosuch }}", "line 3: the filter nosuch is not supported")]
    [InlineData("{{ a is nosuch }}", "line 1: the test nosuch is not supported")]
    [InlineData("{{ '{}'.format(1) }}", "line 1: the method format of texts is not supported")]
    [InlineData("{{ l.append(1) }}", "line 1: the method append, which changes a list or mapping, is not supported")]
    [InlineData("{% for x in l recursive %}{% endfor %}", "line 1: a recursive loop is not supported")]
    [InlineData("{{ a(*l) }}", "line 1: arguments with * are not supported")]
    [InlineData("{% if t %}\nx", "line 1: the tag has no {% endif %}")]
    [InlineData("{{ a", "line 1: a tag has no }}")]
    [InlineData("{{ 'a }}", "line 1: a text has no end")]
    [InlineData("{# a", "line 1: a comment has no end")]
    [InlineData("{{ a b }}", "line 1: 'b' is not expected; }} should be here")]
    [InlineData("{{ 1 + }}", "line 1: '}}' is not expected; a value should be here")]
    [InlineData("{{ a ? b }}", "line 1: the character '?' is not expected")]
    [InlineData("{{ nosuch.member }}", "line 1: 'nosuch' is undefined")]
    [InlineData("{{ d.nosuch.member }}", "line 1: a dict has no 'nosuch'")]
    [InlineData("{{ 'a' + 1 }}", "line 1: + does not take a str and a int")]
    [InlineData("{{ 1 // 0 }}", "line 1: division by zero")]
    public void Render_WhatCannotBe_IsNamedWithItsLine(string template, string message) => Assert.Equal(message, Assert.Throws<JinjaException>(() => Render(template)).Message);

    [Fact]
    public void Render_Refusal_IsInTheTemplatesWords() =>
        Assert.Equal("no [1, 2, 3]", Assert.Throws<JinjaRefusalException>(() => Render("{{ raise_exception('no ' ~ l) }}")).Message);

    [Fact]
    public void Render_Time_IsAsStrftimeHasIt()
    {
        JinjaFunction clock = JinjaGlobals.Clock(new DateTimeOffset(2024, 7, 4, 9, 5, 3, TimeSpan.Zero));
        string text = JinjaTemplate.Parse("{{ now('%d %b %Y|%-d %B %y|%A %a|%H:%M:%S|%I %p|%j|%m|%%|%F') }}").Render([new("now", clock)], JinjaLimits.For(1, 0)).Value;
        Assert.Equal("04 Jul 2024|4 July 24|Thursday Thu|09:05:03|09 AM|186|07|%|2024-07-04", text);
    }

    [Theory]
    [InlineData("{{ c }}", "<x>")]
    [InlineData("a{{ 'b' + c + 'd' }}", "ab<x>d")]
    [InlineData("{{ ('a' ~ c ~ 'd')[1:3] }}", "<x>d")]
    [InlineData("{{ (' ' + c + ' ') | trim | upper }}", "<X>")]
    [InlineData("{{ 'a,b'.replace(',', c) }}", "a<x>b")]
    [InlineData("{{ [c, 'q'] | join('-') }}", "<x>-q")]
    [InlineData("{% set s %}<i>{{ c }}</i>{% endset %}{{ s }}", "[i]<x>[/i]")]
    [InlineData("{{ ('a ' + c).split()[1] ~ c[0] }}", "<xx>")]
    [InlineData("{% for letter in c %}{{ letter }}{% endfor %}.", "<x>.")]
    [InlineData("{{ c | tojson }}|{{ [c] }}|{{ 'a' | tojson }}", "<\"x\">|<['x']>|\"a\"")]
    [InlineData("{% macro m(x) %}<i>{{ x }}{% endmacro %}{{ m(c) }}", "[i]<x>")]
    public void Render_Content_IsToldFromWhatTheTemplateWrote(string template, string expected)
    {
        JinjaText text = JinjaTemplate.Parse(template.Replace('<', '[').Replace('>', ']')).Render([new("c", JinjaText.Of("x", isContent: true))], JinjaLimits.For(1, 1));
        string marked = "";
        int done = 0;
        foreach ((int start, int end) in text.ContentRanges)
        {
            marked += $"{text.Value[done..start]}<{text.Value[start..end]}>";
            done = end;
        }
        Assert.Equal(expected, marked + text.Value[done..]);
    }

    private static string Render(string template) => JinjaTemplate.Parse(template).Render(Values, JinjaLimits.For(3, 100)).Value;

    private static JinjaMap Map(params (string Key, object? Value)[] entries) =>
        new(entries.Select(entry => new KeyValuePair<object?, object?>(JinjaText.Of(entry.Key), entry.Value)));
}
