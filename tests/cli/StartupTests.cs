using System.Text.Json;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

public sealed class StartupTests(Service service) : IClassFixture<Service>
{
    private static readonly string Nano = Path.Combine(Gemma2Program.Repository, "samples", "nano");

    [Fact]
    public async Task Startup_OfAModel_IsDrawnUntilTheFirstToken()
    {
        Machine.NeedsDevice();
        string[] lines = (await Gemma2Program.RunAsync("startup", Nano)).Succeeded().TrimEnd('\n').Split('\n');

        Assert.Matches(@"^nano on .*, started \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ: ready after [0-9.]+ s, its first token came after [0-9.]+ s\.$", lines[0]);
        Assert.Equal(["stage", "runtime"], lines.Skip(1).Take(2).Select(line => line.Split(' ')[0]));
        Assert.Contains(lines, line => line.StartsWith("warm ", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("The wait was ", StringComparison.Ordinal));
        Assert.All(lines, line => Assert.DoesNotContain('\u001b', line));
    }

    [Fact]
    public async Task Startup_OfARunningApp_IsTheSameAsItsLog()
    {
        Machine.NeedsDevice();
        service.Start();
        string url = await UrlAsync();
        while ((await Gemma2Program.RunAsync("startup", url)).Succeeded().Contains("not ready yet", StringComparison.Ordinal)) await Task.Delay(200, TestContext.Current.CancellationToken);

        Outcome asked = await Gemma2Program.RunAsync(["startup"], "", ("GEMMA2_URL", url));
        Outcome read = await Gemma2Program.RunAsync(["startup", "--log", "-"], service.Log());

        Assert.Contains("host", asked.Succeeded());
        // Others may have asked for a token in between.
        Assert.Equal(Loading(read.Succeeded()), Loading(asked.Succeeded()));
    }

    [Fact]
    public async Task Startup_Json_CanBeReadAgain()
    {
        Machine.NeedsDevice();
        string json = (await Gemma2Program.RunAsync("startup", Nano, "--json")).Succeeded();

        using JsonDocument document = JsonDocument.Parse(json);
        JsonElement start = Assert.Single(document.RootElement.GetProperty("data").EnumerateArray());
        double waited = start.GetProperty("stages").EnumerateArray().Sum(stage => stage.GetProperty("waited_seconds").GetDouble());
        Assert.Equal(start.GetProperty("ready_seconds").GetDouble(), waited + start.GetProperty("between_seconds").GetDouble(), 0.01);
        Assert.Equal(json, (await Gemma2Program.RunAsync(["startup", "--log", "-", "--json"], json)).Succeeded());
    }

    [Fact]
    public async Task Generate_Startup_IsDrawnOnStderr()
    {
        Machine.NeedsDevice();
        Outcome outcome = await Gemma2Program.RunAsync("generate", Nano, "--prompt", "Hi", "--max-tokens", "2", "--startup", "--json");

        using JsonDocument report = JsonDocument.Parse(outcome.Succeeded());
        Assert.True(report.RootElement.GetProperty("startup").GetProperty("first_token_seconds").GetDouble() > 0);
        Assert.Contains("first_token", outcome.Error);
    }

    [Fact]
    public async Task Startup_OfNothing_SaysWhatToGive() => (await Gemma2Program.RunAsync(["startup"], "", ("GEMMA2_URL", null))).Failed(1, "--log", "GEMMA2_URL");

    [Fact]
    public async Task Startup_OfNoApp_SaysSo() => (await Gemma2Program.RunAsync("startup", "http://127.0.0.1:1")).Failed(1, "http://127.0.0.1:1", "no answer");

    [Fact]
    public async Task Startup_OfAUrlThatIsNone_SaysSo() => (await Gemma2Program.RunAsync(["startup"], "", ("GEMMA2_URL", "ftp://x"))).Failed(1, "GEMMA2_URL", "ftp://x");

    [Fact]
    public async Task Startup_OfNoModel_SaysSo() => (await Gemma2Program.RunAsync("startup", "no/such")).Failed(1, "no/such");

    [Fact]
    public async Task Startup_OfNoFile_SaysSo() => (await Gemma2Program.RunAsync("startup", "--log", "no/such")).Failed(1, "no/such");

    [Fact]
    public async Task Startup_OfTwoThings_IsBadUsage() => (await Gemma2Program.RunAsync("startup", Nano, "--log", "x")).Failed(2, "--log", "gemma2 startup --help");

    private static IEnumerable<string> Loading(string drawn) => drawn.Split('\n').Where(line => line.StartsWith("The wait was ", StringComparison.Ordinal));

    private async Task<string> UrlAsync()
    {
        const string mark = "Now listening on: ";
        while (true)
        {
            if (service.Log().Split('\n').FirstOrDefault(line => line.Contains(mark, StringComparison.Ordinal)) is { } line) return line[(line.IndexOf(mark, StringComparison.Ordinal) + mark.Length)..].Trim();
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }
}
