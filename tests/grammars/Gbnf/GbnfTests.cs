using System.Text;
using CsCheck;
using Gemma2.Grammars.Syntax;

namespace Gemma2.Grammars.Tests.Gbnf;

public sealed class GbnfTests
{
    [Theory]
    [InlineData("root ::= \"a\" | \"b\" \"c\"", "a bc", "b c ac")]
    [InlineData("root ::= [a-c]+ [^a-c]", "ax abcZ a€", "a x aa")]
    [InlineData("root ::= [-a]{2}", "-a a- --", "- b a")]
    [InlineData("root ::= [a-]+", "a - a-a", "b")]
    [InlineData("root ::= \"ab\"{2,3}", "abab ababab", "ab abababab aba")]
    [InlineData("root ::= \"ab\"{2,}", "abab abababab", "ab")]
    [InlineData("root ::= \"ab\"{,2} \"!\"", "! ab! abab!", "ababab!")]
    [InlineData("root ::= \"a\"? \"b\"*", "a ab bbb", "aa ba")]
    [InlineData("root ::= (\"a\" | \"b\")+ \"c\"", "abac bc", "c d")]
    [InlineData("root ::= \"\\x41\\u00e9\\U0001F600\\t\\\"\\\\\\[\\]\"", "Aé😀\t\"\\[]", "A")]
    [InlineData("root ::= .", "a é 😀", "ab")]
    [InlineData("root ::= [\\]\\\\-]+", "] \\ ]-", "a")]
    [InlineData("# first\nroot ::= # why\n  item # what\n  | \"none\"\nitem ::= (\n  \"a\" # in\n  | \"b\"\n)\n\n", "a b none", "c")]
    [InlineData("root ::= \"(\" root \")\" | \"x\"", "x (x) (((x)))", "(x x) ((x)")]
    [InlineData("root\t::=\ta-1\r\na-1 ::= \"y\"\r\n", "y", "x")]
    [InlineData("root ::= \"\" | \"a\"", "a", "b")]
    [InlineData("expr ::= term (\"+\" term)*\nterm ::= [0-9]+ | \"(\" expr \")\"\nroot ::= expr \"=\"", "1= 1+23= (1+2)+3=", "1 += 1+= (1=")]
    public void Compile_Grammar_TakesItsTextsAndNoOthers(string grammar, string taken, string refused)
    {
        Automaton automaton = Compile(grammar).Automaton;
        Assert.All(taken.Split(' '), text => Assert.True(Takes(automaton, text), text));
        Assert.All(refused.Split(' '), text => Assert.False(Takes(automaton, text), text));
    }

    [Theory]
    [InlineData("", "line 1, column 1", "root is missing")]
    [InlineData("a ::= \"b\"", "line 1, column 1", "root is missing")]
    [InlineData("root ::= a", "line 1, column 10", "rule a is not defined")]
    [InlineData("root ::= \"a\"\n\n  root ::= \"b\"", "line 3, column 3", "defined twice")]
    [InlineData("root ::= \"a", "line 1, column 12", "literal is not closed")]
    [InlineData("root ::= \"a\nb\"", "line 1, column 12", "literal is not closed")]
    [InlineData("root ::= [a", "line 1, column 12", "class is not closed")]
    [InlineData("root ::= []", "line 1, column 10", "empty")]
    [InlineData("root ::= [z-a]", "line 1, column 11", "ends before it begins")]
    [InlineData("root ::= (\"a\"", "line 1, column 10", "parenthesis is not closed")]
    [InlineData("root ::= \"a\")", "line 1, column 13", "')' is not expected")]
    [InlineData("root ::= [a\\-c]", "line 1, column 12", "escape is unknown")]
    [InlineData("root ::= [^]x]", "line 1, column 14", "']' is not expected")]
    [InlineData("root ::= \"\\q\"", "line 1, column 11", "escape is unknown")]
    [InlineData("root ::= \"\\x4\"", "line 1, column 11", "escape is no character")]
    [InlineData("root ::= \"\\ud800\"", "line 1, column 11", "escape is no character")]
    [InlineData("root ::= \"a\"{", "line 1, column 13", "count is not understood")]
    [InlineData("root ::= \"a\"{,}", "line 1, column 13", "count is not understood")]
    [InlineData("root ::= \"a\"{3,2}", "line 1, column 13", "less than the least")]
    [InlineData("root ::= \"a\"{99999999999}", "line 1, column 14", "too many times")]
    [InlineData("root = \"a\"", "line 1, column 6", "::=")]
    [InlineData("root ::= * \"a\"", "line 1, column 10", "'*' is not expected")]
    [InlineData("root ::= \"a\"\n\"b\"", "line 2, column 1", "expected is a rule")]
    [InlineData("root ::= x\n x ::= x \"a\" | \"b\"", "line 2, column 2", "rule x is left-recursive")]
    [InlineData("root ::= a\na ::= b \"x\"\nb ::= \" \"* a | \"y\"", "line 2, column 1", "rule a is left-recursive")]
    [InlineData("root ::= \"a\" | b\nb ::= \"b\" b", "line 2, column 1", "rule b allows no text")]
    [InlineData("root ::= \"b\" root", "line 1, column 1", "rule root allows no text")]
    [InlineData("root ::= <think>", "line 1, column 10", "'<' is not expected")]
    public void Compile_WrongGrammar_TellsWhereAndWhy(string grammar, string path, string mention)
    {
        GrammarException error = Assert.Throws<GrammarException>(() => Compile(grammar));
        Assert.Equal(path, error.Path);
        Assert.Contains(mention, error.Message);
    }

    [Fact]
    public void Compile_RandomCharacters_CompilesOrTellsWhere()
    {
        string[] parts = ["root", " ::= ", "a", "\"", "[", "]", "(", ")", "|", "*", "+", "?", "{", "}", ",", "2", "\\", "x41", "^", "-", "#", "\n", " ", ".", "é", "\ud800", "\0"];
        Gen.Int[0, parts.Length - 1].Array[0, 30].Sample(
            picks =>
            {
                string grammar = (picks.Length % 2 == 0 ? "root ::= " : "") + string.Concat(picks.Select(i => parts[i]));
                try
                {
                    Grammar.Compile(new GrammarSource.Gbnf(grammar), CancellationToken.None);
                }
                catch (GrammarException error)
                {
                    Assert.True(error.Path.StartsWith("line ", StringComparison.Ordinal) || error.Message.Contains("no text", StringComparison.Ordinal), error.Message);
                }
            },
            iter: 20_000);
    }

    [Theory]
    [InlineData("(", ")")]
    [InlineData("(\"a\" ", ")?")]
    public void Compile_NestedDeeply_CompilesOrIsAnError(string open, string close)
    {
        foreach (int depth in (int[])[10, 1000, 100_000])
        {
            string grammar = $"root ::= {string.Concat(Enumerable.Repeat(open, depth))}\"x\"{string.Concat(Enumerable.Repeat(close, depth))}";
            Exception? error = Record.Exception(() => Compile(grammar));
            if (depth == 10) Assert.Null(error);
            else if (error is not null) Assert.IsType<GrammarException>(error);
        }
    }

    [Fact]
    public void Compile_ManyRules_IsQuickEnough()
    {
        StringBuilder chain = new("root ::= r0\n");
        for (int i = 0; i < 2000; i++) chain.Append($"r{i} ::= \"a\" r{i + 1} | \"b\"\n");
        Assert.True(Takes(Compile(chain.Append("r2000 ::= \"c\"\n").ToString()).Automaton, "aab"));
    }

    private static Grammar Compile(string grammar) => Grammar.Compile(new GrammarSource.Gbnf(grammar), TestContext.Current.CancellationToken);

    private static bool Takes(Automaton automaton, string text) => automaton.Step(automaton.Start, Encoding.UTF8.GetBytes(text)).CanEnd;
}
