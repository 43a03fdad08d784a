using System.Text;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Startup;
using Gemma2.Cli.Startups;

namespace Gemma2.Cli.Tests.Startups;

public sealed class StartupFileTests
{
    private const string Prefix = "2026-12-01T00:04:07Z info: Gemma2.Service.Telemetry.Startups[1] ";
    private const string Ready = """{"start":"2026-12-01T00:03:58.771Z","machine":"a","model":"nano","ready_seconds":1,"stages":[{"stage":"warm","begin_seconds":0,"seconds":1}]}""";
    private const string WithToken = """{"start":"2026-12-01T00:03:58.771Z","machine":"a","model":"nano","ready_seconds":1,"stages":[{"stage":"warm","begin_seconds":0,"seconds":1},{"stage":"first_token","begin_seconds":2,"seconds":1}]}""";
    private const string Other = """{"start":"2026-12-01T00:03:00.000Z","machine":"b","model":"nano","ready_seconds":1,"stages":[]}""";

    private static readonly string Log = $"one line\n{Prefix}{{\"startup\":{Ready}}}\r\nanother {{\n{Prefix}{{\"startup\":{Other}}}\n{Prefix}{{\"startup\":{WithToken}}} and more\n";

    [Fact]
    public void Parse_ALog_GivesEachStartOnceAsItWasToldLast() => AssertBoth(StartupFile.Parse(Log, "log"));

    [Fact]
    public void Parse_LinesOfJson_AsACloudsToolGivesThem_AreReadToo() =>
        AssertBoth(StartupFile.Parse(string.Join('\n', Log.Split('\n').Select(line => JsonSerializer.Serialize(new Dictionary<string, object> { ["TimeStamp"] = "2026", ["Number"] = 1, ["Log"] = line }))), "log"));

    [Theory]
    [InlineData(WithToken)]
    [InlineData($$"""{"startup":{{WithToken}}}""")]
    [InlineData($$"""{"object":"list","data":[{{WithToken}}]}""")]
    [InlineData("""  {"Log":"x {\"startup\":{\"start\":\"2026-12-01T00:03:58.771Z\",\"machine\":\"a\",\"model\":\"nano\",\"ready_seconds\":1,\"stages\":[{\"stage\":\"warm\",\"begin_seconds\":0,\"seconds\":1},{\"stage\":\"first_token\",\"begin_seconds\":2,\"seconds\":1}]}}"}""")]
    public void Parse_OneDocument_GivesItsStart(string text) => Assert.NotNull(Assert.Single(StartupFile.Parse(text, "file")).FirstToken);

    [Theory]
    [InlineData("", "has no start-up timeline")]
    [InlineData("nothing here\n{}\n", "has no start-up timeline")]
    [InlineData("""{"data":[]}""", "has no start-up timeline")]
    [InlineData("""{"data":[{"stages":7}]}""", "stages")]
    [InlineData("x\nx {\"startup\":{\"start\":\"2026", "line 2: the start-up timeline is not whole")]
    [InlineData("x {\"startup\":7}", "line 1 is no start-up timeline")]
    public void Parse_NoStart_SaysWhere(string text, string mention) =>
        Assert.Contains(mention, Assert.ThrowsAny<Gemma2Exception>(() => StartupFile.Parse(text, "file")).Message);

    [Fact]
    public void Parse_ChangedBytes_GivesStartsOrSaysWhatIsWrong()
    {
        byte[] valid = Encoding.UTF8.GetBytes(Log);
        var random = new Random(5);
        for (int i = 0; i < 500; i++)
        {
            byte[] changed = [.. valid];
            for (int n = random.Next(1, 6); n > 0; n--) changed[random.Next(changed.Length)] = (byte)random.Next(256);
            try
            {
                foreach (StartupReport start in StartupFile.Parse(Encoding.UTF8.GetString(changed), "log")) StartupText.Draw(start, 80);
            }
            catch (Gemma2Exception)
            {
                // One line says why.
            }
        }
    }

    private static void AssertBoth(IReadOnlyList<StartupReport> starts)
    {
        Assert.Equal(["b", "a"], starts.Select(start => start.Machine));
        Assert.NotNull(starts[1].FirstToken);
    }
}
