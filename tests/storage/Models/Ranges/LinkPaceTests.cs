using Gemma2.Storage.Models.Ranges;
using Gemma2.Storage.Tests.Faults;

namespace Gemma2.Storage.Tests.Models.Ranges;

public class LinkPaceTests
{
    private const int BlockBytes = 8 << 20;

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData(10e6, 40)]
    [InlineData(20e6, 20)]
    [InlineData(40e6, 10)]
    public void Limit_ConnectionsAreSlow_GrowsUntilTheLinkIsFull(double connectionRate, int needed)
    {
        var link = new ScriptedLink { ConnectionRate = connectionRate };

        link.Run(2 * Second);

        // A part of the time goes by while first bytes are waited for.
        Assert.InRange(link.Run(5 * Second), 0.88 * 400e6, 400e6);
        Assert.InRange(link.Pace.Limit, needed, LinkPace.MostLimit);
    }

    [Fact]
    public void Limit_FewConnectionsFillTheLink_StaysSmall()
    {
        var link = new ScriptedLink();

        link.Run(30 * Second);

        Assert.InRange(link.Pace.Limit, LinkPace.FirstLimit, 4 * LinkPace.FirstLimit);
    }

    [Fact]
    public void Limit_ReaderAsksForFewer_DoesNotGrow()
    {
        var link = new ScriptedLink { Asked = 4, ConnectionRate = 10e6 };

        link.Run(10 * Second);

        Assert.Equal(LinkPace.FirstLimit, link.Pace.Limit);
    }

    [Fact]
    public void Limit_LinkGetsFasterLater_GrowsOn()
    {
        var link = new ScriptedLink { ConnectionRate = 10e6, Rate = 100e6 };
        link.Run(10 * Second);
        int before = link.Pace.Limit;
        link.Rate = 400e6;

        link.Run(60 * Second);

        Assert.InRange(link.Pace.Limit, before + 8, LinkPace.MostLimit);
    }

    [Fact]
    public void Limit_StorageRefusesMore_StaysNearWhatItBears()
    {
        var link = new ScriptedLink { ConnectionRate = 10e6, Bearable = 30 };

        link.Run(20 * Second);

        double rate = link.Run(20 * Second);
        Assert.InRange(link.Pace.Limit, 10, 34);
        Assert.InRange(rate, 0.6 * 300e6, 340e6);
    }

    [Fact]
    public void Refused_ByAllInFlightAtOnce_ShrinksOnce()
    {
        var pace = new LinkPace(new SteppedTime());

        for (int i = 0; i < 8; i++) pace.Refused();

        Assert.Equal(4, pace.Limit);
    }

    [Fact]
    public void Refused_AgainAndAgain_LeavesTwo()
    {
        var link = new ScriptedLink { Bearable = 0 };

        link.Run(5 * Second);

        Assert.Equal(2, link.Pace.Limit);
    }

    [Theory]
    // A range shall take a tenth of a second, or eight times the wait for its first byte.
    [InlineData(200e6, 1, 1)]
    [InlineData(40e6, 1, 3)]
    [InlineData(5e6, 1, 8)]
    [InlineData(5e6, 500, 1)]
    public void Parts_SpeedIsKnown_AreAsLargeAsItIsWorth(double bytesPerSecond, int latency, int expected)
    {
        var pace = new LinkPace(new SteppedTime());
        var firstByte = TimeSpan.FromMilliseconds(latency);

        pace.Ended(BlockBytes, firstByte, firstByte + TimeSpan.FromSeconds(BlockBytes / bytesPerSecond));

        Assert.Equal(expected, pace.Parts(BlockBytes, free: 0));
    }

    [Theory]
    [InlineData(BlockBytes, 0, 2)]
    [InlineData(BlockBytes, 5, 5)]
    [InlineData(BlockBytes, 100, 8)]
    [InlineData(1_000_000, 100, 1)]
    [InlineData(1, 100, 1)]
    public void Parts_NothingElseToFetch_AreMore(int bytes, int free, int expected) => Assert.Equal(expected, new LinkPace(new SteppedTime()).Parts(bytes, free));

    [Fact]
    public void Expected_SomeRangesAreLate_IsThatOfTheOthers()
    {
        var pace = new LinkPace(new SteppedTime());
        Assert.Null(pace.Expected(1000));

        for (int i = 0; i < 40; i++) pace.Ended(1000, i % 4 == 0 ? Second : TimeSpan.FromMilliseconds(10), i % 4 == 0 ? 2 * Second : TimeSpan.FromMilliseconds(20));

        Assert.Equal(20, pace.Expected(1000)!.Value.TotalMilliseconds, 1.0);
    }
}
