using System.Text;
using Gemma2.Backend.Text;
using Gemma2.Grammars.Masks;
using Gemma2.Grammars.Syntax;

namespace Gemma2.Grammars.Tests;

public sealed class GrammarTests
{
    [Theory]
    [InlineData("", true)]
    [InlineData("Hello", true)]
    [InlineData("<", true)]
    [InlineData("<too", true)]
    [InlineData("<tool", false)]
    [InlineData("<toolbox>", false)]
    [InlineData("a <tool", true)]
    [InlineData("{", false)]
    [InlineData("日本 {", true)]
    public void Compile_TextWithout_TakesAllButTheBeginnings(string text, bool expected) =>
        Assert.Equal(expected, Takes(new GrammarSource.TextWithout(["<tool", "{"]), text));

    [Fact]
    public void Compile_TextWithoutNothing_TakesAnyText() => Assert.True(Takes(new GrammarSource.TextWithout([]), "any {<text>\n\0"));

    [Fact]
    public void Compile_TextWithoutTheEmptyBeginning_AllowsNoText() =>
        Assert.Contains("no text", Assert.Throws<GrammarException>(() => Compile(new GrammarSource.TextWithout([""]))).Message);

    [Theory]
    [InlineData("call a1", true)]
    [InlineData("call b1", false)]
    [InlineData("call b22", true)]
    [InlineData("reply", false)]
    [InlineData("!", true)]
    [InlineData("", false)]
    public void Compile_SequencesAndChoices_PutPartsTogether(string text, bool expected)
    {
        GrammarSource call = new GrammarSource.Choice([
            new GrammarSource.Sequence([new GrammarSource.Literal("a"), new GrammarSource.Regex("[0-9]")]),
            new GrammarSource.Sequence([new GrammarSource.Literal("b"), new GrammarSource.Gbnf("root ::= [0-9]{2}")])]);
        Assert.Equal(expected, Takes(new GrammarSource.Choice([new GrammarSource.Sequence([new GrammarSource.Literal("call "), call]), new GrammarSource.Literal("!")]), text));
    }

    [Theory]
    [InlineData("{}", true)]
    [InlineData("{\"a\":[1,{\"b\":null}]}", true)]
    [InlineData("{\"a\":1,}", false)]
    [InlineData("[]", false)]
    [InlineData("1", false)]
    [InlineData("{", false)]
    public void Compile_JsonObject_TakesJsonObjects(string text, bool expected) => Assert.Equal(expected, Takes(new GrammarSource.JsonObject(), text));

    [Fact]
    public void Compile_ChoiceOfNothing_AllowsNoText() => Assert.Throws<GrammarException>(() => Compile(new GrammarSource.Choice([])));

    [Fact]
    public void Compile_Cancelled_Stops()
    {
        using CancellationTokenSource cancelled = new();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(() => Grammar.Compile(new GrammarSource.Literal("a"), cancelled.Token));
    }

    // What is too much ends with an error, sooner than it takes memory or patience.
    [Theory]
    [InlineData("(a|b)*a(a|b){40}")]
    [InlineData("(?:(?:(?:a{0,1000}){0,1000}){0,1000}b){0,1000}")]
    [InlineData("(a?){5000}a{5000}")]
    [InlineData("((a*)*)*b")]
    [InlineData("((a{1,1000}c?){1,1000}c?){1,1000}")]
    [InlineData("(x+x+)+y")]
    public void Mask_RegexThatExplodes_GoesOnOrEndsWithAnError(string pattern)
    {
        (GemmaTokenizer tokenizer, TokenTrie trie) = Vocabularies.Small;
        Exception? error = Record.Exception(() =>
        {
            GrammarMask mask = new(Compile(new GrammarSource.Regex(pattern)), trie, [tokenizer.Eos]);
            int a = tokenizer.Encode("a").Single();
            for (int i = 0; i < 100; i++)
            {
                if (!Backend.Decoding.TokenBits.Contains(mask.Allowed, a)) break;
                mask.Accept(a);
            }
        });
        if (error is not null) Assert.Contains("too", Assert.IsType<GrammarException>(error).Message);
    }

    [Fact]
    public void Compile_SourcesNestedDeeply_EndsWithAnError()
    {
        GrammarSource source = new GrammarSource.Literal("a");
        for (int i = 0; i < 100_000; i++) source = new GrammarSource.Sequence([source]);
        Assert.Contains("deeply", Assert.Throws<GrammarException>(() => Compile(source)).Message);
    }

    [Fact]
    public void Compile_LiteralOf256000Characters_TakesIt()
    {
        string text = string.Concat(Enumerable.Repeat("lorem ipsum €", 20_000));
        Assert.True(Takes(new GrammarSource.Literal(text), text));
        Assert.False(Takes(new GrammarSource.Literal(text), text[..^1]));
    }

    [Fact]
    public void Step_FreeTextOf256000Characters_TakesFewStates()
    {
        Automaton automaton = Compile(new GrammarSource.JsonObject()).Automaton;
        State state = automaton.Step(automaton.Start, "{\"a\":\""u8);
        long before = automaton.Size;
        for (int i = 0; i < 256_000; i++) state = automaton.Step(state, [(byte)('a' + i % 26)]);
        Assert.NotEqual(State.Dead, state);
        Assert.True(automaton.Size - before < 1000, $"{automaton.Size - before} new states.");
    }

    [Fact]
    public void Step_ArraysNestedOnAndOn_EndsWithAnErrorInsteadOfTakingAllMemory()
    {
        Automaton automaton = Compile(new GrammarSource.Gbnf("root ::= \"[\" root \"]\" | \"x\"")).Automaton;
        GrammarException error = Assert.Throws<GrammarException>(() =>
        {
            State state = automaton.Start;
            for (int i = 0; i < 10_000_000; i++) state = automaton.Step(state, "["u8);
        });
        Assert.Contains("too", error.Message);
    }

    [Fact]
    public void MasksOf_GrammarThatGrewTooLarge_BeginsAnew()
    {
        (GemmaTokenizer tokenizer, TokenTrie trie) = Vocabularies.Small;
        Grammar grammar = Compile(new GrammarSource.Gbnf("root ::= \"[\" root \"]\" | \"x\""));
        Automaton before = grammar.Automaton;
        GrammarMask old = new(grammar, trie, [tokenizer.Eos]);
        int bracket = tokenizer.Encode("[").Single();
        State state = before.Start;
        for (int i = 0; i < 60_000; i++) state = before.Step(state, "["u8);
        GrammarMask fresh = new(grammar, trie, [tokenizer.Eos]);
        Assert.NotSame(before, grammar.Automaton);
        Assert.True(grammar.Size < 1000);
        // Who began with the old one goes on with it.
        Assert.Equal(fresh.Allowed, old.Allowed);
        old.Accept(bracket);
        fresh.Accept(bracket);
        Assert.Equal(fresh.Allowed, old.Allowed);
    }

    private static Grammar Compile(GrammarSource source) => Grammar.Compile(source, TestContext.Current.CancellationToken);

    private static bool Takes(GrammarSource source, string text)
    {
        Automaton automaton = Compile(source).Automaton;
        return Encoding.UTF8.GetBytes(text).Aggregate(automaton.Start, automaton.Step).CanEnd;
    }
}
