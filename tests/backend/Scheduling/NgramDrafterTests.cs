using Gemma2.Backend.Engine;

namespace Gemma2.Backend.Tests.Scheduling;

public sealed class NgramDrafterTests
{
    [Theory]
    [InlineData(new[] { 1, 2, 3, 4, 5, 6, 1, 2, 3 }, new[] { 4, 5, 6, 1 })]
    [InlineData(new[] { 1, 2, 3, 9, 1, 2, 3, 8, 1, 2, 3 }, new[] { 8, 1, 2, 3 })] // the last time counts
    [InlineData(new[] { 5, 5, 5, 5 }, new[] { 5, 5, 5, 5 })]
    [InlineData(new[] { 1, 2, 1, 2, 1 }, new[] { 2, 1, 2, 1 })]
    [InlineData(new[] { 1, 2, 3, 4, 5 }, new int[0])]
    [InlineData(new[] { 7, 7 }, new int[0])]
    [InlineData(new[] { 7 }, new int[0])]
    public void Propose_TokensSoFar_GuessesWhatFollowedTheLastThree(int[] tokens, int[] expected)
    {
        var drafts = new int[4];
        Assert.Equal(expected, drafts[..new NgramDrafter(100).Propose(tokens, drafts)]);
    }

    [Fact]
    public void Propose_SequencesThatGrow_GivesWhatASearchFinds()
    {
        var random = new Random(2);
        for (int run = 0; run < 200; run++)
        {
            var drafter = new NgramDrafter(400);
            var tokens = new List<int> { 1 };
            int kinds = random.Next(2, 30), proposed = 0;
            while (tokens.Count < 400)
            {
                for (int i = random.Next(1, 4); i > 0; i--) tokens.Add(random.Next(kinds));
                var drafts = new int[random.Next(1, 6)];
                int count = drafter.Propose(tokens.ToArray(), drafts);
                int last = Enumerable.Range(3, Math.Max(0, tokens.Count - 3)).LastOrDefault(end => end < tokens.Count && tokens[(end - 3)..end].SequenceEqual(tokens[^3..]));
                // Other tokens may have taken the place in the table; what is proposed is right.
                if (count == 0) continue;
                Assert.True(last > 0);
                Assert.Equal(tokens.Skip(last).Take(count), drafts.Take(Math.Min(count, tokens.Count - last)));
                proposed++;
            }
            Assert.True(proposed > 0 || kinds > 10);
        }
    }

    [Fact]
    public void Current_GoodAndBadGuesses_GrowsAndPauses()
    {
        var length = new DraftLength();
        int first = length.Current;
        length.Checked(first, first);
        Assert.True(length.Current > first);

        length.Checked(length.Current, 0);
        int pause = 0;
        for (; length.Current == 0; pause++) length.Pass();
        length.Checked(1, 0);
        int longer = 0;
        for (; length.Current == 0; longer++) length.Pass();
        Assert.True(longer > pause);

        length.Checked(1, 1);
        Assert.InRange(length.Current, 2, 7);
    }
}
