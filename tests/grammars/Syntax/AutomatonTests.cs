using System.Text;
using CsCheck;
using Gemma2.Grammars.Regexes;
using Gemma2.Grammars.Syntax;
using Gemma2.Grammars.Tests.Gbnf;

namespace Gemma2.Grammars.Tests.Syntax;

public sealed class AutomatonTests
{
    private const int Longest = 6;

    private static readonly string[] Refusals = ["left-recursive", "no text", "too complex"];

    [Fact]
    public void Step_RandomGrammars_TakesTheirTextsAndNoOthers()
    {
        int compiled = 0;
        RandomGrammar.OverTwoLetters.Sample(
            grammar =>
            {
                try
                {
                    Automaton automaton = Grammar.Compile(new GrammarSource.Gbnf(grammar.ToString()), CancellationToken.None).Automaton;
                    Interlocked.Increment(ref compiled);
                    AssertTakes(automaton, grammar.TextsUpTo(Longest));
                }
                catch (GrammarException e) when (Refusals.Any(refusal => e.Message.Contains(refusal, StringComparison.Ordinal)))
                {
                    // Some random grammars are none, or so ambiguous that they are refused.
                }
            },
            iter: 400);
        Assert.True(compiled > 50, $"{compiled} grammars were tried.");
    }

    private static void AssertTakes(Automaton automaton, HashSet<string> texts)
    {
        foreach (string text in AllTexts(Longest))
        {
            State state = After(automaton, text);
            Assert.Equal(texts.Contains(text), state.CanEnd);
            if (texts.Any(other => other.StartsWith(text, StringComparison.Ordinal))) Assert.NotEqual(State.Dead, state);
            if (text.Length <= 3 && state != State.Dead) Assert.True(CanFinish(automaton, state), $"After '{text}' nothing leads to an end.");
        }
    }

    [Fact]
    public void Step_UnproductiveAlternative_IsNeverEntered()
    {
        GrammarStore store = new(new RegexStore());
        GrammarRule endless = store.NewRule("endless");
        GrammarNode a = store.Terminal(store.Regexes.Literal("a")), b = store.Terminal(store.Regexes.Literal("b"));
        endless.Body = store.Sequence(b, endless);
        Automaton automaton = new(store, store.Choice(a, store.Sequence(b, endless), store.Sequence(b, b)));
        Assert.NotEqual(State.Dead, After(automaton, "bb"));
        Assert.Equal(State.Dead, After(automaton, "bbb"));
    }

    [Fact]
    public void IsProductive_WorkThatWasTooMuch_IsDoneAgainAndNotTakenForNo()
    {
        GrammarStore store = new(new RegexStore());
        CostlyNode node = new(store);
        store.Regexes.Budget.Allow(0, TestContext.Current.CancellationToken);
        Assert.Throws<GrammarException>(() => node.IsProductive);
        store.Regexes.Budget.Allow(100, TestContext.Current.CancellationToken);
        Assert.True(node.IsProductive);
    }

    [Fact]
    public void New_NothingMatches_IsAnError()
    {
        GrammarStore store = new(new RegexStore());
        RegexStore regexes = store.Regexes;
        GrammarNode node = store.Terminal(regexes.And(regexes.Literal("a"), regexes.Not(regexes.Literal("a"))));
        Assert.Contains("no text", Assert.Throws<GrammarException>(() => new Automaton(store, node)).Message);
    }

    [Fact]
    public void New_LeftRecursionBehindWhatMayBeEmpty_IsAnError()
    {
        GrammarStore store = new(new RegexStore());
        GrammarRule rule = store.NewRule("list");
        rule.Body = store.Choice(store.Sequence(store.Terminal(store.Regexes.Repeat(store.Regexes.Literal(" "), 0, null)), rule), store.Terminal(store.Regexes.Literal("a")));
        GrammarException error = Assert.Throws<GrammarException>(() => new Automaton(store, rule));
        Assert.Contains("left-recursive", error.Message);
        Assert.Equal("list", error.Path);
    }

    [Fact]
    public void StepGroup_RandomGrammars_IsTheStepByEachCharacterOfTheGroup() =>
        RandomGrammar.Texts.Sample(
            text =>
            {
                try
                {
                    AssertGroupsStepAlike(Grammar.Compile(new GrammarSource.Gbnf(text), CancellationToken.None).Automaton);
                }
                catch (GrammarException e) when (Refusals.Any(refusal => e.Message.Contains(refusal, StringComparison.Ordinal)))
                {
                    // As above.
                }
            },
            iter: 400);

    [Fact]
    public void Step_RepeatOfManyThingsThatMayBeEmpty_NeedsNoStackForEach()
    {
        const int parts = 20_000;
        string grammar = $"root ::= ({string.Concat(Enumerable.Repeat("r ", parts))})*\nr ::= (\"a\" r \"b\")?";
        try
        {
            Automaton automaton = Grammar.Compile(new GrammarSource.Gbnf(grammar), CancellationToken.None).Automaton;
            Assert.True(After(automaton, "aabb").CanEnd);
        }
        catch (GrammarException e)
        {
            Assert.Contains("too", e.Message, StringComparison.Ordinal);
        }
    }

    private static void AssertGroupsStepAlike(Automaton automaton)
    {
        State state = automaton.Start;
        for (int steps = 0; steps < 4 && state != State.Dead; steps++)
        {
            long budget = Automaton.UsualBudget;
            for (int group = 0; group < CharGroups.Count; group++)
            {
                State after = automaton.StepGroup(state, group, ref budget);
                if (after == State.Several) continue;
                IEnumerable<string> characters = group == CharGroups.NotAscii ? ["\u0080", "é", "€", "😀", "\uFFFF"] : CharGroups.Ascii[group].Select(value => ((char)value).ToString());
                Assert.All(characters, character => Assert.Equal(after == State.Dead, After(automaton, character, state) == State.Dead));
                Assert.All(characters, character => Assert.Equal(after.CanEnd, After(automaton, character, state).CanEnd));
            }

            state = After(automaton, "a", state);
        }
    }

    private static State After(Automaton automaton, string text, State? start = null) => automaton.Step(start ?? automaton.Start, Encoding.UTF8.GetBytes(text));

    private static bool CanFinish(Automaton automaton, State start)
    {
        HashSet<State> seen = [start];
        Queue<State> left = new(seen);
        while (left.TryDequeue(out State? state) && seen.Count < 5000)
        {
            if (state.CanEnd) return true;
            foreach (State next in (State[])[automaton.Step(state, "a"u8), automaton.Step(state, "b"u8)])
            {
                if (seen.Add(next)) left.Enqueue(next);
            }
        }

        return false;
    }

    private static IEnumerable<string> AllTexts(int longest) =>
        Enumerable.Range(0, longest + 1).SelectMany(length => Enumerable.Range(0, 1 << length).Select(bits => string.Concat(Enumerable.Range(0, length).Select(i => (bits >> i & 1) == 0 ? 'a' : 'b'))));

    private sealed class CostlyNode(GrammarStore store) : GrammarNode(store)
    {
        protected override bool FindNullable() => false;

        protected override bool FindProductive()
        {
            Store.Regexes.Budget.Spend(10);
            return true;
        }

        protected override IEnumerable<Arm> Expand() => [];
    }
}
