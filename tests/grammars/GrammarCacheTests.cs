namespace Gemma2.Grammars.Tests;

public sealed class GrammarCacheTests
{
    [Fact]
    public void Find_EqualSources_IsOneGrammar()
    {
        GrammarCache cache = new();
        Grammar first = cache.Find(new GrammarSource.Choice([new GrammarSource.Literal("a"), new GrammarSource.Literal("b")]));
        Assert.Same(first, cache.Find(new GrammarSource.Choice([new GrammarSource.Literal("a"), new GrammarSource.Literal("b")])));
        Assert.NotSame(first, cache.Find(new GrammarSource.Choice([new GrammarSource.Literal("b"), new GrammarSource.Literal("a")])));
        Assert.Equal(2, cache.Count);
    }

    [Fact]
    public void Find_ManyCallersAtOnce_CompileOnce()
    {
        GrammarCache cache = new();
        Grammar[] found = new Grammar[32];
        Parallel.For(0, found.Length, i => found[i] = cache.Find(new GrammarSource.Regex("[a-z]{1,20}@[a-z]+")));
        Assert.All(found, grammar => Assert.Same(found[0], grammar));
    }

    [Fact]
    public void Find_SourceThatFails_FailsEachTimeAndIsNotKept()
    {
        GrammarCache cache = new();
        for (int i = 0; i < 2; i++) Assert.Throws<GrammarException>(() => cache.Find(new GrammarSource.Gbnf("root ::= \"")));
        Assert.Equal(0, cache.Count);
    }

    [Fact]
    public void Find_MoreThanItHolds_DropsWhatWasNotUsedForLongest()
    {
        GrammarCache cache = new();
        GrammarSource kept = new GrammarSource.Literal("kept"), dropped = new GrammarSource.Literal("dropped");
        Grammar first = cache.Find(kept), second = cache.Find(dropped);
        for (int i = 0; i < 300; i++)
        {
            cache.Find(new GrammarSource.Literal($"{i}"));
            Assert.Same(first, cache.Find(kept));
        }

        Assert.True(cache.Count <= 256, $"{cache.Count} are kept.");
        Assert.NotSame(second, cache.Find(dropped));
    }

    [Fact]
    public void Find_GrammarsThatTakeMuchRoom_KeepsFew()
    {
        GrammarCache cache = new();
        for (int i = 0; i < 12; i++) cache.Find(new GrammarSource.Literal(new string((char)('a' + i), 200_000)));
        Assert.True(cache.Count < 8, $"{cache.Count} are kept.");
    }
}
