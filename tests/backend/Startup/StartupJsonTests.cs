using System.Text;
using System.Text.Json;
using Gemma2.Backend.Startup;

namespace Gemma2.Backend.Tests.Startup;

public sealed class StartupJsonTests
{
    private static readonly StartupReport Start = new(
        new DateTimeOffset(2026, 11, 30, 23, 47, 11, 123, TimeSpan.Zero),
        "replica-1",
        "nano",
        TimeSpan.FromSeconds(3),
        [
            new StartupStage("runtime", null, TimeSpan.Zero, TimeSpan.FromSeconds(0.05), 0),
            new StartupStage("weights", null, TimeSpan.FromSeconds(0.25), TimeSpan.FromSeconds(2.5), 0),
            new StartupStage("file", "model.safetensors", TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(2.5), 4_000_000),
            new StartupStage("warm", null, TimeSpan.FromSeconds(2.5), TimeSpan.FromSeconds(3), 0),
            new StartupStage("first_token", null, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5.125), 0),
        ]);

    [Fact]
    public void Write_AStart_NamesItsWait() => Assert.Equal(
        """{"start":"2026-11-30T23:47:11.123Z","machine":"replica-1","model":"nano","ready_seconds":3,"first_token_seconds":5.125,"wait":"weights","between_seconds":0.2,"stages":["""
        + """{"stage":"runtime","begin_seconds":0,"seconds":0.05,"waited_seconds":0.05},"""
        + """{"stage":"weights","begin_seconds":0.25,"seconds":2.25,"waited_seconds":2.25},"""
        + """{"stage":"file","of":"model.safetensors","begin_seconds":0.5,"seconds":2,"waited_seconds":0,"bytes":4000000,"bytes_per_second":2000000},"""
        + """{"stage":"warm","begin_seconds":2.5,"seconds":0.5,"waited_seconds":0.5},"""
        + """{"stage":"first_token","begin_seconds":5,"seconds":0.125,"waited_seconds":0}]}""",
        Written(Start));

    [Fact]
    public void Read_WhatWasWritten_IsTheSame() => Assert.Equal(Written(Start), Written(Read(Written(Start))));

    [Fact]
    public void Read_AStageUnderWay_HasNoEnd()
    {
        StartupReport report = Read("""{"start":"2026-11-30T23:47:11Z","ready_seconds":null,"stages":[{"stage":"weights","begin_seconds":1,"seconds":null}]}""");

        Assert.Null(Assert.Single(report.Stages).End);
        Assert.Null(report.Wait);
    }

    [Theory]
    [InlineData("[]", "JSON object")]
    [InlineData("""{"start":"2026-11-30T23:47:11Z"}""", "stages")]
    [InlineData("""{"start":"yesterday","stages":[]}""", "start")]
    [InlineData("""{"start":"2026-11-30T23:47:11Z","stages":[1]}""", "objects")]
    [InlineData("""{"start":"2026-11-30T23:47:11Z","stages":[{"begin_seconds":1}]}""", "stage must be a text")]
    [InlineData("""{"start":"2026-11-30T23:47:11Z","stages":[{"stage":"warm"}]}""", "begin_seconds")]
    [InlineData("""{"start":"2026-11-30T23:47:11Z","stages":[{"stage":"warm","begin_seconds":-1}]}""", "begin_seconds")]
    [InlineData("""{"start":"2026-11-30T23:47:11Z","stages":[{"stage":"warm","begin_seconds":1,"seconds":1e300}]}""", "seconds")]
    [InlineData("""{"start":"2026-11-30T23:47:11Z","stages":[{"stage":"warm","begin_seconds":1,"bytes":0.5}]}""", "bytes")]
    [InlineData("""{"start":"2026-11-30T23:47:11Z","model":7,"stages":[]}""", "model")]
    [InlineData("""{"start":"2026-11-30T23:47:11Z","model":"\ud800","stages":[]}""", "model")]
    public void Read_SomethingElse_NamesTheField(string json, string mention)
    {
        InvalidRequestException error = Assert.Throws<InvalidRequestException>(() => Read(json));
        Assert.Contains("file.json is no start-up timeline", error.Message);
        Assert.Contains(mention, error.Message);
    }

    [Fact]
    public void Read_ChangedBytes_GivesAStartOrSaysWhatIsWrong()
    {
        byte[] valid = Encoding.UTF8.GetBytes(Written(Start));
        var random = new Random(11);
        for (int i = 0; i < 500; i++)
        {
            byte[] changed = [.. valid];
            for (int n = random.Next(1, 4); n > 0; n--) changed[random.Next(changed.Length)] = (byte)random.Next(32, 127);
            try
            {
                using JsonDocument document = JsonDocument.Parse(changed);
                _ = StartupJson.Read(document.RootElement, "file.json").Waits;
            }
            catch (Exception error) when (error is JsonException or InvalidRequestException)
            {
                // What is no JSON never comes so far.
            }
        }
    }

    internal static StartupReport Read(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return StartupJson.Read(document.RootElement, "file.json");
    }

    internal static string Written(StartupReport report)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream)) StartupJson.Write(json, report);
        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
