using Gemma2.Backend.Cache;

namespace Gemma2.Backend.Tests.Cache;

public sealed class BlockTableTests
{
    private const int Block = BlockTable.Positions;
    private static readonly int[] _tokens = [.. Enumerable.Range(0, 20 * Block)];

    [Fact]
    public void TryExtend_NotEnoughBlocks_TakesNone()
    {
        var pool = new BlockPool(5);
        var table = new BlockTable(pool, [null, 100]);

        Assert.True(table.TryExtend((2 * Block) - 1));
        Assert.False(table.TryExtend((2 * Block) + 1));

        Assert.Equal(1, pool.Available);
        Assert.Equal((2, 2), (table.Blocks(0).Length, table.Blocks(1).Length));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(Block - 1)]
    [InlineData(Block)]
    [InlineData(Block + 1)]
    [InlineData(3 * Block)]
    public void Trim_EveryPosition_GivesBackWhatNoLaterQuerySees(int window)
    {
        for (int position = 0; position < 5 * Block; position++)
        {
            var pool = new BlockPool(20);
            var table = new BlockTable(pool, [null, window]);
            table.TryExtend(5 * Block);

            table.Trim(position);

            Assert.DoesNotContain(BlockTable.None, table.Blocks(0).ToArray());
            for (int key = 0; key < 5 * Block; key++)
            {
                bool isSeen = key > position - window;
                if (isSeen) Assert.NotEqual(BlockTable.None, table.Blocks(1)[key / Block]);
                else if (key % Block == Block - 1) Assert.Equal(BlockTable.None, table.Blocks(1)[key / Block]);
            }
        }
    }

    [Fact]
    public void Adopt_SameBeginning_SharesFullBlocksUpToTheFirstOther()
    {
        var pool = new BlockPool(40);
        BlockTable first = Computed(pool, _tokens, 4 * Block, promptLength: 4 * Block, null, 1000), second = new(pool, [null, 1000]);
        int[] other = [.. _tokens];
        other[(2 * Block) + 5] = -1;

        int found = second.Adopt(other, promptLength: other.Length, computed: 0, most: 4 * Block);

        Assert.Equal(2 * Block, found);
        for (int group = 0; group < 2; group++) Assert.Equal(first.Blocks(group)[..2], second.Blocks(group));
        Assert.Equal(Block, new BlockTable(pool, [null, 1000]).Adopt(_tokens, _tokens.Length, 0, most: (2 * Block) - 1));
    }

    [Fact]
    public void Adopt_TokenThatWasGenerated_IsAnotherThanOneOfAPrompt()
    {
        var pool = new BlockPool(40);
        Computed(pool, _tokens, 4 * Block, promptLength: (2 * Block) + 3, [null]);

        Assert.Equal(2 * Block, new BlockTable(pool, [null]).Adopt(_tokens, promptLength: 4 * Block, 0, 4 * Block));
        Assert.Equal(4 * Block, new BlockTable(pool, [null]).Adopt(_tokens, promptLength: (2 * Block) + 3, 0, 4 * Block));
    }

    [Fact]
    public void Adopt_WindowHasLeftTheBeginning_NeedsOnlyWhatTheNextQuerySees()
    {
        var pool = new BlockPool(40);
        BlockTable first = Computed(pool, _tokens, 6 * Block, 6 * Block, null, Block + 1);
        first.Trim(6 * Block);
        // What the window let go is taken by others.
        var others = new BlockTable(pool, [null]);
        Assert.True(others.TryExtend(pool.Available * Block));
        first.Clear();

        var second = new BlockTable(pool, [null, Block + 1]);
        Assert.Equal(6 * Block, second.Adopt(_tokens, 10 * Block, 0, 10 * Block));
        Assert.Equal([BlockTable.None, BlockTable.None, BlockTable.None, BlockTable.None], second.Blocks(1)[..4]);
        Assert.NotEqual(BlockTable.None, second.Blocks(1)[5]);

        // A shorter beginning would need blocks that are gone.
        Assert.Equal(0, new BlockTable(pool, [null, Block + 1]).Adopt(_tokens, 10 * Block, 0, most: 4 * Block));
    }

    [Fact]
    public void Adopt_InTheMiddleOfASequence_GoesOnFromThere()
    {
        var pool = new BlockPool(40);
        BlockTable one = Computed(pool, _tokens, Block, _tokens.Length, null, 50), other = Computed(pool, _tokens, 3 * Block, _tokens.Length, null, 50);

        Assert.Equal(3 * Block, one.Adopt(_tokens, _tokens.Length, Block, 10 * Block));
        Assert.Equal(other.Blocks(0)[1..], one.Blocks(0)[1..]);

        one.TryExtend((3 * Block) + 7);
        Assert.Equal((3 * Block) + 7, one.Adopt(_tokens, _tokens.Length, (3 * Block) + 7, 10 * Block));
    }

    [Fact]
    public void MostBlocks_AnyStepsOfASequence_AreNeverMore()
    {
        var random = new Random(3);
        foreach (int window in new[] { 1, 40, 200, 5000 })
        {
            for (int i = 0; i < 50; i++)
            {
                int length = random.Next(1, 20 * Block), rows = random.Next(1, 260);
                var pool = new BlockPool(1000);
                var table = new BlockTable(pool, [null, window]);
                for (int position = 0; position < length;)
                {
                    table.Trim(position);
                    position = Math.Min(length, position + random.Next(1, rows + 1));
                    Assert.True(table.TryExtend(position));
                    Assert.InRange(pool.Held, 1, BlockTable.MostBlocks([null, window], length, rows));
                }
            }
        }
    }

    private static BlockTable Computed(BlockPool pool, int[] tokens, int positions, int promptLength, params int?[] windows)
    {
        var table = new BlockTable(pool, windows);
        Assert.True(table.TryExtend(positions));
        table.Publish(tokens, promptLength, positions);
        return table;
    }
}
