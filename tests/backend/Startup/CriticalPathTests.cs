using Gemma2.Backend.Startup;

namespace Gemma2.Backend.Tests.Startup;

public sealed class CriticalPathTests
{
    [Fact]
    public void Of_StagesInARow_IsAllOfThem() =>
        Assert.Equal("runtime 0-1, device 1-3, warm 3-4", Path(4, ("runtime", 0, 1), ("device", 1, 3), ("warm", 3, 4)));

    [Fact]
    public void Of_TwoSideBySide_IsTheOneThatEndsLast() =>
        Assert.Equal("device 0-1, pipelines 1-6, warm 6-7", Path(7, ("device", 0, 1), ("pipelines", 1, 6), ("weights", 1, 4), ("warm", 6, 7)));

    [Fact]
    public void Of_FilesOfWeights_IsTheWeights() =>
        Assert.Equal("device 0-1, weights 1-5", Path(5, ("device", 0, 1), ("weights", 1, 5), ("file", 1, 4), ("file", 2, 5)));

    [Fact]
    public void Of_PipelinesThatTheWarmUpWaitsFor_IsThePipelines() =>
        Assert.Equal("weights 0-2, pipelines 2-6, warm 6-7", Path(7, ("weights", 0, 2), ("warm", 2, 7), ("pipelines", 2, 6)));

    [Fact]
    public void Of_FilesAlone_IsTheLastOfThem() => Assert.Equal("file 0-1, file 1-5", Path(5, ("file", 0, 1), ("file", 0, 3), ("file", 1, 5)));

    [Fact]
    public void Of_AGapInWhichSomethingGoesOn_IsOfWhatBeganLast() =>
        Assert.Equal("runtime 0-1, host 1-3, model 3-4, device 4-8", Path(8, ("runtime", 0, 1), ("host", 1, 5), ("model", 3, 4), ("device", 4, 8)));

    [Fact]
    public void Of_AGapInWhichNothingGoesOn_IsNobodys() =>
        Assert.Equal("runtime 0-1, - 1-2, device 2-3, - 3-4", Path(4, ("runtime", 0, 1), ("device", 2, 3)));

    [Fact]
    public void Of_AStageInsideAnother_IsTheOuter() => Assert.Equal("weights 0-4", Path(4, ("weights", 0, 4), ("memory", 1, 4), ("check", 1, 2)));

    [Fact]
    public void Of_WhatGoesOnAfterTheEnd_IsOnlyUntilThen() => Assert.Equal("runtime 0-1, host 1-2, weights 2-6", Path(6, ("runtime", 0, 1), ("host", 1, 9), ("weights", 2, 6)));

    [Fact]
    public void Of_WhatHasNotEnded_IsUntilTheEnd() => Assert.Equal("runtime 0-1, weights 1-6", Path(6, ("runtime", 0, 1), ("weights", 1, null)));

    [Fact]
    public void Of_TheFirstToken_IsNoPartOfTheStart() => Assert.Equal("warm 0-4", Path(4, ("warm", 0, 4), ("first_token", 3, 4)));

    [Fact]
    public void Of_StagesWithoutLength_GoesAround() => Assert.Equal("device 0-2, weights 2-3", Path(3, ("device", 0, 2), ("memory", 2, 2), ("cache", 3, 3), ("weights", 2, 3)));

    [Fact]
    public void Of_NoStages_IsNobodys() => Assert.Equal("- 0-2", Path(2));

    /// <summary>Whatever the stages, the parts lie side by side from the begin to the end.</summary>
    [Fact]
    public void Of_AnyStages_CoversTheStartOnce()
    {
        var random = new Random(7);
        string[] names = ["runtime", "host", "device", "weights", "file", "pipelines", "warm"];
        for (int i = 0; i < 500; i++)
        {
            (string, double, double?)[] stages = [.. Enumerable.Range(0, random.Next(12)).Select(_ => Stage(random, names[random.Next(names.Length)]))];
            IReadOnlyList<StartupWait> path = CriticalPath.Of([.. stages.Select(Stage)], TimeSpan.FromSeconds(10));

            Assert.Equal(TimeSpan.Zero, path[0].Begin);
            Assert.Equal(TimeSpan.FromSeconds(10), path[^1].End);
            Assert.All(path, part => Assert.True(part.Length > TimeSpan.Zero));
            Assert.All(path.Zip(path.Skip(1)), pair => Assert.Equal(pair.First.End, pair.Second.Begin));
            Assert.All(path, part => Assert.True(part.Stage is null || (part.Stage.Begin <= part.Begin && !(part.Stage.End < part.End))));
        }
    }

    private static (string, double, double?) Stage(Random random, string name)
    {
        double begin = random.Next(12);
        return (name, begin, random.Next(5) == 0 ? null : begin + random.Next(6));
    }

    private static string Path(double end, params (string Name, double Begin, double? End)[] stages) =>
        string.Join(", ", CriticalPath.Of([.. stages.Select(Stage)], TimeSpan.FromSeconds(end)).Select(part => $"{part.Stage?.Name ?? "-"} {part.Begin.TotalSeconds}-{part.End.TotalSeconds}"));

    private static StartupStage Stage((string Name, double Begin, double? End) stage) =>
        new(stage.Name, null, TimeSpan.FromSeconds(stage.Begin), stage.End is { } end ? TimeSpan.FromSeconds(end) : null, 0);
}
