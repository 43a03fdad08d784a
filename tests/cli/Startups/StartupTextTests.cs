using Gemma2.Backend.Startup;
using Gemma2.Cli.Startups;

namespace Gemma2.Cli.Tests.Startups;

public sealed class StartupTextTests
{
    private static readonly StartupReport Start = new(
        new DateTimeOffset(2026, 12, 1, 0, 3, 58, TimeSpan.Zero),
        "replica-7",
        "nano",
        TimeSpan.FromSeconds(10),
        [
            Stage("runtime", 0, 1),
            Stage("device", 1, 2),
            Stage("pipelines", 2, 6),
            Stage("weights", 2, 9),
            Stage("file", 2, 8) with { Of = "model.gguf", Bytes = 3L << 30 },
            Stage("warm", 9, 10),
            Stage("first_token", 10, 10.5),
        ]);

    [Fact]
    public void Draw_AStart_IsALineAStage() => Assert.Equal(
        """
        nano on replica-7, started 2026-12-01 00:03:58Z: ready after 10.000 s, its first token came after 10.500 s.
        stage                                                                   begin   took  waited  bytes       rate
        runtime          █████                                                  0.000  1.000   1.000
        device               ██████                                             1.000  1.000   1.000
        pipelines                 ░░░░░░░░░░░░░░░░░░░░░                         2.000  4.000
        weights                   ████████████████████████████████████          2.000  7.000   7.000
        file model.gguf           ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░               2.000  6.000          3 GiB  512 MiB/s
        warm                                                         ██████     9.000  1.000   1.000
        first_token                                                       ███  10.000  0.500
        """,
        string.Join('\n', Draw(Start, 110)));

    [Theory]
    [InlineData(30)]
    [InlineData(45)]
    [InlineData(60)]
    [InlineData(80)]
    [InlineData(100)]
    [InlineData(250)]
    public void Draw_AnyWidth_KeepsToItAndAlignsColumns(int width)
    {
        IReadOnlyList<StartupLine> lines = StartupText.Draw(Start, width);

        StartupLine[] rows = [.. lines.Skip(1).Take(1 + Start.Stages.Count)];
        Assert.All(rows, row => Assert.True(row.Text.Length <= Math.Max(width, 44), row.Text));
        int ends = rows[0].Text.IndexOf("took", StringComparison.Ordinal) + "took".Length;
        Assert.All(rows.Skip(1).Zip(Start.Stages), row => Assert.EndsWith($"{row.Second.Length!.Value.TotalSeconds:0.000}", row.First.Text[..ends]));
        Assert.Equal("weights", Assert.Single(lines, line => line.IsTheWait).Text.Split(' ')[0]);
        Assert.Contains(lines, line => line.Text == "The wait was weights: 7.000 of 10.000 s, 70 %.");
    }

    [Fact]
    public void Draw_AFirstTokenThatWasAskedForMuchLater_LeavesTheBarsTheirRoom()
    {
        StartupReport late = Start with { Stages = [.. Start.Stages.SkipLast(1), Stage("first_token", 3600, 3601)] };

        IReadOnlyList<string> lines = Draw(late, 92);

        Assert.Contains(lines, line => line.StartsWith("weights ", StringComparison.Ordinal) && line.Count(c => c == '█') > 15);
        Assert.DoesNotContain('█', lines[^1]);
    }

    [Fact]
    public void Draw_AStartThatIsUnderWay_SaysSo()
    {
        StartupReport early = new(Start.Start, "", null, null, [Stage("runtime", 0, 1), new("weights", null, TimeSpan.FromSeconds(1), null, 0)]);

        IReadOnlyList<StartupLine> lines = StartupText.Draw(early, 80);

        Assert.Equal("A model, started 2026-12-01 00:03:58Z: not ready yet.", lines[0].Text);
        Assert.Contains(lines, line => line.Text.StartsWith("weights", StringComparison.Ordinal) && line.Text.Contains("...", StringComparison.Ordinal));
    }

    [Fact]
    public void Draw_NoStages_IsAHeading() => Assert.Contains("not ready yet", StartupText.Draw(Start with { Ready = null, Stages = [] }, 80)[0].Text);

    [Fact]
    public void Draw_NamesThatAreNone_StayOnTheirLine()
    {
        StartupReport hostile = Start with { Machine = "a\u001b[31m\nb", Stages = [Stage("file", 0, 10) with { Of = new string('x', 500) + "\n" }] };

        Assert.All(Draw(hostile, 80), line => Assert.DoesNotContain(line, c => char.IsControl(c)));
        Assert.All(StartupText.Draw(hostile, 80).Skip(1), line => Assert.True(line.Text.Length <= 80, line.Text));
    }

    private static List<string> Draw(StartupReport report, int width) => [.. StartupText.Draw(report, width).Take(2 + report.Stages.Count).Select(line => line.Text)];

    private static StartupStage Stage(string name, double begin, double end) => new(name, null, TimeSpan.FromSeconds(begin), TimeSpan.FromSeconds(end), 0);
}
