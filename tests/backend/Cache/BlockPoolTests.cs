using Gemma2.Backend.Cache;

namespace Gemma2.Backend.Tests.Cache;

public sealed class BlockPoolTests
{
    [Fact]
    public void TryTake_FreeBlocksFirst_ThenThoseLetGoLongestAgo()
    {
        var pool = new BlockPool(3);
        int[] blocks = [Take(pool), Take(pool), Take(pool)];
        Assert.Equal(3, blocks.Distinct().Count());
        Assert.False(pool.TryTake(out _));
        foreach (int block in blocks) pool.Publish(block, Key(block));
        pool.Release(blocks[1]);
        pool.Release(blocks[0]);

        Assert.Equal(blocks[1], Take(pool));
        Assert.False(pool.TryFind(Key(blocks[1]), out _));
        Assert.True(pool.TryFind(Key(blocks[0]), out int kept));
        Assert.Equal(blocks[0], kept);
        Assert.Equal((1, 1, 2), (pool.Available, pool.Kept, pool.Held));
    }

    [Fact]
    public void Share_KeptBlock_IsNotTakenUntilItIsLetGoAgain()
    {
        var pool = new BlockPool(1);
        int block = Take(pool);
        pool.Publish(block, Key(7));
        pool.Release(block);
        pool.Share(block);
        pool.Share(block);

        pool.Release(block);
        Assert.False(pool.TryTake(out _));

        pool.Release(block);
        Assert.Equal(block, Take(pool));
    }

    [Fact]
    public void Publish_TwoBlocksOfOneKey_FindsTheFirstAndFreesTheSecond()
    {
        var pool = new BlockPool(2);
        int first = Take(pool), second = Take(pool);
        pool.Publish(first, Key(1));
        pool.Publish(second, Key(1));

        pool.Release(second);

        Assert.True(pool.TryFind(Key(1), out int found));
        Assert.Equal(first, found);
        Assert.Equal((1, 0), (pool.Available, pool.Kept));
    }

    [Fact]
    public void AllOfIt_ThousandsOfRandomCalls_KeepsItsInvariants()
    {
        var random = new Random(5);
        var pool = new BlockPool(20);
        var held = new List<int>();
        for (int i = 0; i < 20_000; i++)
        {
            switch (random.Next(4))
            {
                case 0 when pool.TryTake(out int taken):
                    held.Add(taken);
                    break;
                case 1 when held.Count > 0:
                    pool.Publish(held[random.Next(held.Count)], Key(random.Next(30)));
                    break;
                case 2 when pool.TryFind(Key(random.Next(30)), out int found):
                    pool.Share(found);
                    held.Add(found);
                    break;
                case 3 when held.Count > 0:
                    int at = random.Next(held.Count);
                    pool.Release(held[at]);
                    held.RemoveAt(at);
                    break;
                default:
                    break;
            }
            var counts = new int[pool.Count];
            foreach (int block in held) counts[block]++;
            pool.CheckInvariants(counts);
        }
        Assert.Throws<InvalidOperationException>(() => pool.CheckInvariants(Enumerable.Repeat(9, 20).ToArray()));
    }

    private static BlockKey Key(int number) => new((UInt128)number, 0);

    private static int Take(BlockPool pool)
    {
        Assert.True(pool.TryTake(out int block));
        return block;
    }
}
