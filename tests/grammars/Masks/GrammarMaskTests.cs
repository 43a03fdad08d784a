using CsCheck;
using Gemma2.Backend;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Text;
using Gemma2.Grammars.Masks;
using Gemma2.Grammars.Syntax;
using Gemma2.Grammars.Tests.Gbnf;

namespace Gemma2.Grammars.Tests.Masks;

public sealed class GrammarMaskTests
{
    [Fact]
    public void Allowed_RandomGrammarsAndWays_AreTheTokensWhoseBytesTheAutomatonTakes()
    {
        const int grammars = 50;
        (GemmaTokenizer tokenizer, TokenTrie trie) = Vocabularies.Google;
        int masks = 0;
        Gen.Select(RandomGrammar.Texts, Gen.UInt.Array[5]).Sample(
            (text, way) => UnlessTooComplex(() =>
            {
                if (TryCompile(text) is not { } grammar) return;
                // An automaton of its own, so that what one found out is not what the other is asked.
                Automaton automaton = TryCompile(text)!.Automaton;
                State state = automaton.Start;
                GrammarMask mask = new(grammar, trie, [tokenizer.Eos]);
                foreach (uint step in way)
                {
                    AssertAllowed(automaton, state, tokenizer, mask.Allowed);
                    masks++;
                    int[] allowed = [.. Ids(mask.Allowed).Where(id => id != tokenizer.Eos)];
                    if (allowed.Length == 0) return;
                    int token = allowed[step % allowed.Length];
                    mask.Accept(token);
                    state = After(automaton, state, tokenizer, token);
                }
            }),
            iter: grammars, threads: 1);
        Assert.True(masks > grammars / 2, $"{masks} masks were tried.");
    }

    [Theory]
    [InlineData("""{"properties": {"name": {"maxLength": 5}, "näme": {"pattern": "^[a-z]+\\.x$"}}, "additionalProperties": {"type": "string", "minLength": 3}}""", """{"name":"a\"é\u0041","nä":"lorem 日本 ipsum","näme":"abc.x"}""")]
    [InlineData("""{"type": "object", "patternProperties": {"^x-": {"format": "email"}}, "additionalProperties": false}""", """{"x-a":"ab.c@example.org"}""")]
    [InlineData("""{"anyOf": [{"const": "the end"}, {"pattern": "^.{3}"}, {"enum": ["theirs", 5]}]}""", "\"the ends\"")]
    [InlineData("""{"not": {"pattern": "the|€"}, "type": "string"}""", "\"tho th is\"")]
    [InlineData("""{"type": "array", "items": {"type": ["number", "null"], "minimum": 3}}""", "[3.25,null,1e5]")]
    [InlineData("{}", """[{"a":[true,"x"]},"\ud83d\ude00"]""")]
    public void Allowed_AlongAValueOfASchema_AreTheTokensWhoseBytesTheAutomatonTakes(string schema, string value)
    {
        (GemmaTokenizer tokenizer, TokenTrie trie) = Vocabularies.Google;
        GrammarSource source = new GrammarSource.JsonSchema(schema);
        Automaton automaton = Compile(source).Automaton;
        State state = automaton.Start;
        GrammarMask mask = new(Compile(source), trie, [tokenizer.Eos]);
        foreach (int token in tokenizer.Encode(value))
        {
            AssertAllowed(automaton, state, tokenizer, mask.Allowed);
            mask.Accept(token);
            state = After(automaton, state, tokenizer, token);
        }

        AssertAllowed(automaton, state, tokenizer, mask.Allowed);
        Assert.True(state.CanEnd);
    }

    [Fact]
    public void Allowed_AlongAnyWay_CanAlwaysBeEnded()
    {
        (GemmaTokenizer tokenizer, TokenTrie trie) = Vocabularies.Small;
        Gen.Select(RandomGrammar.Texts, Gen.UInt.Array[12]).Sample(
            (text, way) => UnlessTooComplex(() =>
            {
                if (TryCompile(text) is not { } grammar) return;
                GrammarMask mask = new(grammar, trie, [tokenizer.Eos]);
                foreach (uint step in way)
                {
                    int[] allowed = [.. Ids(mask.Allowed)];
                    Assert.NotEmpty(allowed);
                    mask.Accept(allowed[step % allowed.Length]);
                }
            }),
            iter: 200, threads: 1);
    }

    [Fact]
    public void Rewind_AnyNumberOfTokens_IsAsIfTheyHadNeverCome()
    {
        (GemmaTokenizer tokenizer, TokenTrie trie) = Vocabularies.Small;
        Gen.Select(RandomGrammar.Texts, Gen.UInt.Array[20]).Sample(
            (text, way) => UnlessTooComplex(() =>
            {
                if (TryCompile(text) is not { } grammar) return;
                GrammarMask mask = new(grammar, trie, [tokenizer.Eos]);
                List<int> said = [];
                foreach (uint step in way)
                {
                    if (said.Count > 0 && step % 3 == 0)
                    {
                        int count = 1 + (int)(step / 3 % said.Count);
                        mask.Rewind(count);
                        said.RemoveRange(said.Count - count, count);
                    }
                    else
                    {
                        int[] allowed = [.. Ids(mask.Allowed)];
                        said.Add(allowed[step % allowed.Length]);
                        mask.Accept(said[^1]);
                    }

                    GrammarMask fresh = new(TryCompile(text)!, trie, [tokenizer.Eos]);
                    foreach (int token in said) fresh.Accept(token);
                    Assert.Equal(fresh.Allowed, mask.Allowed);
                }
            }),
            iter: 60, threads: 1);
    }

    [Fact]
    public void Allowed_ManySequencesOfOneGrammarAtOnce_AreAsAlone()
    {
        (GemmaTokenizer tokenizer, TokenTrie trie) = Vocabularies.Small;
        Gen.Select(RandomGrammar.Texts, Gen.UInt.Array[10].Array[8]).Sample(
            (text, ways) => UnlessTooComplex(() =>
            {
                if (TryCompile(text) is not { } shared) return;
                uint[][][] alone = [.. ways.Select(way => Run(TryCompile(text)!, way))];
                uint[][][] together = new uint[ways.Length][][];
                Parallel.For(0, ways.Length, i => together[i] = Run(shared, ways[i]));
                Assert.Equal(alone, together);
            }),
            iter: 60, threads: 1);

        uint[][] Run(Grammar grammar, uint[] way)
        {
            GrammarMask mask = new(grammar, trie, [tokenizer.Eos]);
            return [.. way.Select(step =>
            {
                int[] allowed = [.. Ids(mask.Allowed)];
                mask.Accept(allowed[step % allowed.Length]);
                return mask.Allowed.ToArray();
            })];
        }
    }

    [Fact]
    public void Allowed_AfterTheEnd_AreEndTokensAlone()
    {
        (GemmaTokenizer tokenizer, TokenTrie trie) = Vocabularies.Small;
        GrammarMask mask = new(Compile(new GrammarSource.Literal("a")), trie, [tokenizer.Eos, tokenizer.EndOfTurn]);
        Assert.DoesNotContain(tokenizer.Eos, Ids(mask.Allowed));
        Assert.Throws<ArgumentException>(() => mask.Accept(tokenizer.Eos));
        mask.Accept(tokenizer.Encode("a").Single());
        Assert.Equal([tokenizer.Eos, tokenizer.EndOfTurn], Ids(mask.Allowed));
        mask.Accept(tokenizer.EndOfTurn);
        Assert.Equal([tokenizer.Eos, tokenizer.EndOfTurn], Ids(mask.Allowed));
        mask.Rewind(2);
        Assert.Contains(tokenizer.Encode("a").Single(), Ids(mask.Allowed));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Accept_TokenThatIsNotAllowed_Throws(int control)
    {
        (GemmaTokenizer tokenizer, TokenTrie trie) = Vocabularies.Small;
        GrammarMask mask = new(Compile(new GrammarSource.TextWithout([])), trie, []);
        Assert.Throws<ArgumentException>(() => mask.Accept(control));
        Assert.Throws<ArgumentException>(() => mask.Accept(tokenizer.VocabularySize));
        Assert.Throws<ArgumentException>(() => mask.Accept(-1));
        Assert.DoesNotContain(control, Ids(mask.Allowed));
    }

    [Fact]
    public void Allowed_VocabularyTooSmallToGoOn_EndsWithAnError()
    {
        (GemmaTokenizer tokenizer, _) = Vocabularies.Small;
        GrammarMask mask = new(Compile(new GrammarSource.Literal("a")), new TokenTrie(tokenizer, 3), [tokenizer.Eos]);
        Assert.Contains("no token", Assert.Throws<GenerationException>(() => mask.Allowed.Length).Message);
    }

    private static Grammar Compile(GrammarSource source) => Grammar.Compile(source, TestContext.Current.CancellationToken);

    // Some random grammars are so ambiguous that masks are refused.
    private static void UnlessTooComplex(Action action)
    {
        try
        {
            action();
        }
        catch (GenerationException e) when (e.Message.Contains("too complex", StringComparison.Ordinal))
        {
            TestContext.Current.TestOutputHelper?.WriteLine("A grammar was too complex.");
        }
    }

    private static Grammar? TryCompile(string gbnf)
    {
        try
        {
            return Compile(new GrammarSource.Gbnf(gbnf));
        }
        catch (GrammarException)
        {
            return null;
        }
    }

    private static void AssertAllowed(Automaton automaton, State state, GemmaTokenizer tokenizer, ReadOnlySpan<uint> allowed)
    {
        for (int id = 0; id < tokenizer.VocabularySize; id++)
        {
            bool expected = id == tokenizer.Eos ? state.CanEnd : After(automaton, state, tokenizer, id) != State.Dead;
            if (expected != TokenBits.Contains(allowed, id)) Assert.Fail($"Token {id} ({tokenizer.Piece(id)}) is {(expected ? "not " : "")}allowed.");
        }
    }

    private static State After(Automaton automaton, State state, GemmaTokenizer tokenizer, int token) =>
        tokenizer.TryGetBytes(token, out byte[] bytes) ? automaton.Step(state, bytes) : State.Dead;

    private static List<int> Ids(ReadOnlySpan<uint> allowed)
    {
        List<int> ids = [];
        for (int id = 0; id < allowed.Length * 32; id++)
        {
            if (TokenBits.Contains(allowed, id)) ids.Add(id);
        }

        return ids;
    }
}
