using System.Text;
using Gemma2.Backend.Text.Jinja;

namespace Gemma2.Backend.Tests.Text.Jinja;

/// <summary>Templates of strangers: they neither run for ever nor fill the memory, and no text is a template that breaks the process.</summary>
public sealed class JinjaLimitsTests
{
    private static readonly KeyValuePair<string, object?>[] Values =
    [
        new("messages", new JinjaList([Message("user", "Hi 🙂 you"), Message("assistant", "yo")])),
        new("bos_token", JinjaText.Of("<bos>")),
        new("add_generation_prompt", true),
    ];

    [Theory]
    [InlineData("{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}", "takes more than 1010000 steps")]
    [InlineData("{% set n = namespace(s='x') %}{% for a in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}", "writes more than")]
    [InlineData("{{ 'x' * 999999999999 }}", "takes more than")]
    [InlineData("{% for i in [1] * 999999999 %}{% endfor %}", "takes more than")]
    [InlineData("{% set n = namespace(l=[1]) %}{% for a in range(99) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}", "a list or mapping holds too much")]
    [InlineData("{% set n = namespace(l=[]) %}{% for a in range(999) %}{% set n.l = [n.l] %}{% endfor %}", "a list or mapping holds too much")]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "is nested deeper than 200")]
    [InlineData("{% set s = 'a' * 2000000 %}{% set t = 'a' * 1000000 ~ 'b' ~ 'a' * 900000 %}{{ t in s }}", "takes more than")]
    [InlineData("{% set s = 'a' * 3000000 %}{% for i in range(99999) %}{% if s.isspace() or s[1:2] == 'b' %}{% endif %}{% endfor %}", "takes more than")]
    [InlineData("{{ 9999999 ** 9999999 }}", "whole numbers of more than 64 bits")]
    [InlineData("{{ range(9999999999) }}", "no whole number")]
    [InlineData("{{ range(999999) }}", "a range has more than 100000 numbers")]
    public void Render_WithoutEnd_IsStopped(string template, string message)
    {
        long began = GC.GetTotalAllocatedBytes();
        JinjaException error = Assert.Throws<JinjaException>(() => Render(template));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetTotalAllocatedBytes() - began, 0, 1L << 30);
    }

    [Theory]
    [InlineData("(", ")")]
    [InlineData("[", "]")]
    [InlineData("not ", "")]
    [InlineData("-", "")]
    [InlineData("a(", ")")]
    [InlineData("a[", "]")]
    [InlineData("{1:", "}")]
    [InlineData("1 if 1 else ", "")]
    [InlineData("", " + 1")]
    [InlineData("", " or 0")]
    [InlineData("", "|string")]
    [InlineData("", ".a")]
    [InlineData("", " ~ ''")]
    public void Render_DeeplyNestedExpression_EndsWithoutOverflow(string open, string close) => RunOnSmallStack(() => Try(
        $"{{{{ {string.Concat(Enumerable.Repeat(open, 30_000))}0{string.Concat(Enumerable.Repeat(close, 30_000))} }}}}"));

    [Theory]
    [InlineData("{% if 1 %}", "{% endif %}")]
    [InlineData("{% for a in [1] %}", "{% endfor %}")]
    [InlineData("{% set a %}", "{% endset %}")]
    [InlineData("{% macro a() %}", "{% endmacro %}")]
    [InlineData("{% if 0 %}{% elif 0 %}", "{% endif %}")]
    public void Render_DeeplyNestedTags_EndWithoutOverflow(string open, string close) => RunOnSmallStack(() => Try(
        string.Concat(Enumerable.Repeat(open, 10_000)) + string.Concat(Enumerable.Repeat(close, 10_000))));

    [Fact]
    public void Render_MutatedTemplates_EndsInTextOrAnError()
    {
        string[] seeds = [.. PublishedTemplates.All.Values, .. KnownExpressions.Values.Select(known => $"{{{{ {known.Expression} }}}}")];
        string[] tokens = ["{{", "}}", "{%", "%}", "{#", "#}", "-%}", "{%-", "'", "\"", "|", "(", ")", "[", "]", "{", "}", ":", ",", ".", "~", "**", "*999999", "range(99999)", "for x in messages", "endfor", "if", "else", "endif", "set a = ", "macro m(a)", "endmacro", "m()", "not ", " is ", " in ", "\\", "\uD83D", "\0", "loop", "namespace()", "|tojson", "|join", ".split()", "raw", "endraw", "99999999999999999999", "1e999"];
        var random = new Random(11);
        int rendered = 0;
        long longest = 0;
        for (int i = 0; i < 6000; i++)
        {
            var text = new StringBuilder(seeds[random.Next(seeds.Length)]);
            for (int edit = random.Next(1, 6); edit > 0; edit--)
            {
                int at = random.Next(text.Length + 1), length = random.Next(Math.Min(12, text.Length - at + 1));
                if (random.Next(3) > 0) text.Remove(at, length);
                if (random.Next(3) > 0) text.Insert(at, tokens[random.Next(tokens.Length)]);
                if (random.Next(8) == 0) text.Append(seeds[random.Next(seeds.Length)]);
            }
            long began = GC.GetAllocatedBytesForCurrentThread();
            if (Try(text.ToString())) rendered++;
            longest = Math.Max(longest, GC.GetAllocatedBytesForCurrentThread() - began);
        }
        Assert.InRange(rendered, 500, 5500);
        Assert.InRange(longest, 0, 1L << 30);
    }

    private static bool Try(string template)
    {
        try
        {
            Render(template);
            return true;
        }
        catch (Exception error) when (error is JinjaException or JinjaRefusalException)
        {
            Assert.InRange(error.Message.Length, 0, 4000);
            return false;
        }
    }

    private static void RunOnSmallStack(Action action)
    {
        Exception? failed = null;
        var thread = new Thread(() => failed = Record.Exception(action), maxStackSize: 512 << 10);
        thread.Start();
        thread.Join();
        Assert.Null(failed);
    }

    private static string Render(string template) => JinjaTemplate.Parse(template).Render(Values, JinjaLimits.For(2, 20)).Value;

    private static JinjaMap Message(string role, string content) =>
        new([new(JinjaText.Of("role"), JinjaText.Of(role)), new(JinjaText.Of("content"), JinjaText.Of(content, isContent: true))]);
}
