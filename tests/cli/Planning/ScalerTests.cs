using Gemma2.Cli.Planning.Simulation;

namespace Gemma2.Cli.Tests.Planning;

public sealed class ScalerTests
{
    [Fact]
    public void Look_LongQueue_StepsAsContainerAppsDoes() =>
        Assert.Equal([1, 4, 8, 16, 20, 20], Follow(new ScalingOptions { MaxReplicas = 20, QueueLength = 5 }, [1000, 1000, 1000, 1000, 1000, 1000]));

    [Fact]
    public void Look_LimitedStep_AddsThatMany() =>
        Assert.Equal([2, 4, 6, 7], Follow(new ScalingOptions { MaxReplicas = 20, QueueLength = 5, MaxStep = 2 }, [35, 35, 35, 35]));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 1)]
    [InlineData(6, 2)]
    [InlineData(15, 3)]
    public void Look_Messages_WantsAReplicaForEachQueueLength(int messages, int replicas) =>
        Assert.Equal(replicas, Follow(new ScalingOptions { QueueLength = 5 }, [messages, messages, messages])[^1]);

    [Fact]
    public void Look_FewerNeeded_KeepsTheMostOfTheWindow() => Assert.Equal(
        [1, 4, 6, 6, 6, 6, 3, 3],
        Follow(new ScalingOptions { PollingInterval = 30, QueueLength = 1, ScaleInWindow = 90, Cooldown = 300 }, [6, 6, 6, 2, 3, 2, 1, 1]));

    [Fact]
    public void Look_NoMessages_KeepsOneForTheCooldown() => Assert.Equal(
        [1, 1, 1, 1, 0, 0],
        Follow(new ScalingOptions { PollingInterval = 30, QueueLength = 1, ScaleInWindow = 0, Cooldown = 120 }, [1, 0, 0, 0, 0, 0]));

    [Fact]
    public void Look_Floor_IsNeverLeft() =>
        Assert.Equal([2, 2, 2], Follow(new ScalingOptions { MinReplicas = 2, ScaleInWindow = 0, Cooldown = 0 }, [0, 1, 0], replicas: 2));

    private static List<int> Follow(ScalingOptions options, int[] messages, int replicas = 0)
    {
        var scaler = new Scaler(options);
        var followed = new List<int>();
        foreach (int count in messages) followed.Add(replicas = scaler.Look(scaler.NextLook, count, replicas));
        return followed;
    }
}
