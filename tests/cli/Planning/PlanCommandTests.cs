using System.Text.Json;
using System.Xml.Linq;
using CsCheck;
using Gemma2.Cli.Planning;
using Gemma2.Cli.Planning.Settings;

namespace Gemma2.Cli.Tests.Planning;

public sealed class PlanCommandTests
{
    private static readonly string[] Small = ["plan", "--model", "2b", "--type", "q8_0", "--gpu", "t4", "--requests-per-hour", "200", "--hours", "6"];

    public static TheoryData<string> Scenarios => [.. Directory.GetFiles(ScenarioFolder, "*.json").Select(path => Path.GetFileName(path))];

    private static string ScenarioFolder => Path.Combine(Gemma2Program.Repository, "samples", "plans");

    [Fact]
    public async Task Plan_Text_SaysAssumptionsThenTimeThenTotalsThenCaution()
    {
        string text = (await Gemma2Program.RunAsync([.. Small, "--price-per-gpu-hour", "2"])).Succeeded();
        int[] places = [.. new[] { "assumption", "price of a GPU-hour", "wait p99", "00:00", "05:30", "total", "cost of a million tokens", "NOT MEASURED" }
            .Select(part => text.IndexOf(part, StringComparison.Ordinal))];
        Assert.DoesNotContain(-1, places);
        Assert.Equal(places.Order(), places);
        Assert.DoesNotContain('\u001b', text);
    }

    [Fact]
    public async Task Plan_Json_AddsUp()
    {
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync([.. Small, "--price-per-gpu-hour", "2", "--json"])).Succeeded());
        JsonElement root = report.RootElement, totals = root.GetProperty("totals");
        JsonElement[] rows = [.. root.GetProperty("rows").EnumerateArray()], points = [.. root.GetProperty("points").EnumerateArray()];
        double gpuHours = totals.GetProperty("gpu_hours").GetDouble();
        Assert.Equal(2 * gpuHours, totals.GetProperty("cost").GetDouble(), 9);
        Assert.Equal(gpuHours, rows.Sum(row => row.GetProperty("gpu_hours").GetDouble()), 9);
        Assert.Equal(gpuHours, points[^1].GetProperty("gpu_hours").GetDouble(), 9);
        Assert.Equal(totals.GetProperty("requests").GetInt64(), rows.Sum(row => row.GetProperty("requests").GetInt64()));
        Assert.Equal(6 * 3600, points[^1].GetProperty("time").GetDouble(), 6);
        long answered = totals.GetProperty("answered").GetInt64();
        Assert.Equal(
            totals.GetProperty("requests").GetInt64(),
            answered + totals.GetProperty("waiting_at_end").GetInt64() + totals.GetProperty("in_work_at_end").GetInt64());
        double millions = totals.GetProperty("new_tokens").GetInt64() / 1e6;
        Assert.Equal(totals.GetProperty("cost").GetDouble() / millions, totals.GetProperty("cost_per_million_new_tokens").GetDouble(), 9);
        Assert.Contains("not measured", root.GetProperty("rates_source").GetString());
        Assert.Equal(200, root.GetProperty("simulation").GetProperty("profile").GetProperty("mean_per_hour").GetDouble(), 6);
    }

    [Fact]
    public async Task Plan_ColdStart_IsTheSumOfItsParts()
    {
        string[] parts = ["--platform-start", "20", "--image-size", "700", "--driver-install", "6", "--load-rate", "1000"];
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync([.. Small, .. parts, "--json"])).Succeeded());

        // 700 MB at 7 GB in 5 minutes are 30 s; 2B in Q8_0 is 2.78 GB.
        Assert.Equal(20 + 30 + 6 + 2.78, report.RootElement.GetProperty("simulation").GetProperty("cold_start_seconds").GetDouble(), 0.01);
    }

    /// <summary>A scenario says where its price is from; a price of the command line has another source.</summary>
    [Fact]
    public async Task Plan_PriceSource_GoesWithItsPrice()
    {
        using var folder = new TemporaryFolder();
        string scenario = folder.Write("scenario.json", """{"price_per_gpu_hour": 1.5, "price_source": "a list of 2026"}""");

        Assert.Contains("a list of 2026", (await Gemma2Program.RunAsync([.. Small, scenario])).Succeeded());
        Assert.DoesNotContain("a list of 2026", (await Gemma2Program.RunAsync([.. Small, scenario, "--price-per-gpu-hour", "2"])).Succeeded());
    }

    [Fact]
    public async Task Plan_SameSeed_GivesTheSameBytes()
    {
        using var folder = new TemporaryFolder();
        string[] jsons = new string[3], svgs = new string[3];
        for (int run = 0; run < 3; run++)
        {
            string seed = run < 2 ? "7" : "8", svg = folder.File($"{run}.svg");
            jsons[run] = (await Gemma2Program.RunAsync([.. Small, "--seed", seed, "--svg", svg, "--json"])).Succeeded();
            svgs[run] = await File.ReadAllTextAsync(svg, TestContext.Current.CancellationToken);
        }
        Assert.Equal(jsons[0], jsons[1]);
        Assert.Equal(svgs[0], svgs[1]);
        Assert.NotEqual(jsons[0], jsons[2]);
        Assert.NotEqual(svgs[0], svgs[2]);
    }

    [Fact]
    public async Task Plan_Svg_IsWellFormedWithThreePlots()
    {
        using var folder = new TemporaryFolder();
        string svg = folder.File("plan.svg"), scenario = folder.Write("scenario.json", """{"title": "<T4> & \"2B\" \u0007 \uFFFE", "price_per_gpu_hour": 0.5}""");
        (await Gemma2Program.RunAsync([.. Small, scenario, "--svg", svg])).Succeeded();
        XElement root = XDocument.Load(svg).Root!;
        XNamespace ns = "http://www.w3.org/2000/svg";
        Assert.Equal(ns + "svg", root.Name);
        Assert.Equal("<T4> & \"2B\" ? ?", root.Element(ns + "title")!.Value);
        XElement[] plots = [.. root.Elements(ns + "g")];
        Assert.Equal(["Queue: messages that nobody works on", "Replicas", "Cost since the begin"], plots.Select(plot => plot.Elements(ns + "text").First().Value));
        Assert.All(plots, plot => Assert.Contains(plot.Elements(ns + "text"), text => text.Value == "06:00"));
        Assert.Contains(root.Descendants(ns + "text"), text => text.Value == "taking messages");
        Assert.DoesNotContain(root.Descendants().Attributes(), attribute => attribute.Value.Contains("NaN") || attribute.Value.Contains('∞'));
        Assert.Equal(["plan.svg", "scenario.json"], folder.Files);
    }

    [Fact]
    public async Task Plan_NoRequestsNoPrice_PlotsAndPrintsZeros()
    {
        using var folder = new TemporaryFolder();
        string svg = folder.File("plan.svg");
        string[] idle = ["plan", "--model", "27b", "--type", "q4_0", "--gpu", "a100", "--requests-per-hour", "0"];
        string json = (await Gemma2Program.RunAsync([.. idle, "--svg", svg, "--json"])).Succeeded();
        using JsonDocument report = JsonDocument.Parse(json);
        JsonElement totals = report.RootElement.GetProperty("totals");
        Assert.Equal(0, totals.GetProperty("gpu_hours").GetDouble());
        Assert.Equal(1, totals.GetProperty("share_of_time_at_zero").GetDouble());
        Assert.Equal(JsonValueKind.Null, totals.GetProperty("cost").ValueKind);
        Assert.Equal(JsonValueKind.Null, totals.GetProperty("wait").ValueKind);
        Assert.Contains("GPU-hours since the begin", await File.ReadAllTextAsync(svg, TestContext.Current.CancellationToken));
        Assert.Contains("none for 100 % of the time", (await Gemma2Program.RunAsync(idle)).Succeeded());
    }

    [Fact]
    public async Task Plan_MeasuredRates_AreUsedAndNamed()
    {
        using var folder = new TemporaryFolder();
        string rates = folder.Write("rates.json", """
            {"device": "Tesla T4", "kind": "measured", "cold_start_seconds": 41.5, "rates": [
              {"sequences": 1, "prompt_tokens_per_second": 900, "decode_tokens_per_second": 20}]}
            """);
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync([.. Small, "--rates", rates, "--json"])).Succeeded());
        JsonElement root = report.RootElement;
        Assert.Equal("measured on Tesla T4", root.GetProperty("rates_source").GetString());
        Assert.DoesNotContain("NOT MEASURED", root.GetProperty("caution").GetString());
        Assert.Equal(41.5, root.GetProperty("simulation").GetProperty("cold_start_seconds").GetDouble());
        Assert.Contains(root.GetProperty("assumptions").EnumerateArray(), assumption => assumption.GetProperty("name").GetString() == "more than 1 sequences");
    }

    [Fact]
    public async Task Plan_ScenarioAndOptions_OptionsWinAndPathsAreTheScenarios()
    {
        using var folder = new TemporaryFolder();
        folder.Write("hours.csv", "hour,requests\n0,100\n1,300\n");
        string scenario = folder.Write("scenario.json", """
            {"model": "9b", "type": "q4_k", "gpu": "t4", "profile": "hours.csv", "hours": 4, "sequences": 2, "cold_start": 30}
            """);
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync("plan", scenario, "--sequences", "3", "--json")).Succeeded());
        JsonElement simulation = report.RootElement.GetProperty("simulation");
        Assert.Equal(3, simulation.GetProperty("sequences").GetInt32());
        Assert.Equal(30, simulation.GetProperty("cold_start_seconds").GetDouble());
        Assert.Equal(200, simulation.GetProperty("profile").GetProperty("mean_per_hour").GetDouble());
        Assert.InRange(report.RootElement.GetProperty("totals").GetProperty("requests").GetInt64(), 650, 950);
    }

    [Theory]
    [MemberData(nameof(Scenarios))]
    public async Task Plan_ShippedScenario_AnswersNearlyAll(string scenario)
    {
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync("plan", Path.Combine(ScenarioFolder, scenario), "--json")).Succeeded());
        JsonElement totals = report.RootElement.GetProperty("totals");
        Assert.InRange(totals.GetProperty("answered").GetInt64(), 0.99 * totals.GetProperty("requests").GetInt64(), double.MaxValue);
        Assert.True(totals.GetProperty("cost").GetDouble() > 0);
        if (scenario.StartsWith("three-million", StringComparison.Ordinal)) Assert.InRange(totals.GetProperty("requests").GetInt64(), 2_990_000, 3_010_000);
    }

    [Theory]
    [InlineData("--model", "7b", "2b, 9b, 27b")]
    [InlineData("--type", "q5", "q4_k")]
    [InlineData("--gpu", "tpu", "a100")]
    [InlineData("--kv", "q4", "f16")]
    [InlineData("--requests-per-hour", "-1", "from 0")]
    [InlineData("--requests-per-hour", "NaN", "from 0")]
    [InlineData("--prompt-tokens", "0", "1 to 8192")]
    [InlineData("--new-tokens", "1.5", "whole number")]
    [InlineData("--sequences", "257", "1 to 256")]
    [InlineData("--polling-interval", "0", "1 to 3600")]
    [InlineData("--efficiency", "1.1", "0.001 to 1")]
    [InlineData("--efficiency", "0", "0.001 to 1")]
    [InlineData("--max-replicas", "0", "1 to 1000")]
    [InlineData("--hours", "9000", "8784")]
    [InlineData("--seed", "-1", "0 or more")]
    [InlineData("--profile", "", "flat")]
    [InlineData("--svg", "", "empty")]
    [InlineData("--price-per-gpu-hour", "ten", "from 0")]
    public async Task Plan_ValueNotAllowed_IsBadUsageThatNamesIt(string option, string value, string allowed) =>
        (await Gemma2Program.RunAsync([.. Without(option), option, value])).Failed(2, option, value, allowed);

    [Theory]
    [InlineData("--model")]
    [InlineData("--type")]
    [InlineData("--gpu")]
    public async Task Plan_NoScenarioAndOptionMissing_IsBadUsage(string option) =>
        (await Gemma2Program.RunAsync(Without(option))).Failed(2, option, "gemma2 plan --help");

    [Theory]
    [InlineData("requests_per_hour", "--model", "2b", "--type", "q8_0", "--gpu", "t4")]
    [InlineData("does not fit NVIDIA T4", "--model", "9b", "--type", "bf16", "--gpu", "t4", "--requests-per-hour", "1")]
    [InlineData("does not fit NVIDIA A100", "--model", "27b", "--type", "bf16", "--gpu", "a100", "--sequences", "64", "--requests-per-hour", "1")]
    [InlineData("min_replicas 4", "--model", "2b", "--type", "q8_0", "--gpu", "t4", "--requests-per-hour", "1", "--min-replicas", "4", "--max-replicas", "3")]
    [InlineData("context of 512", "--model", "2b", "--type", "q8_0", "--gpu", "t4", "--requests-per-hour", "1", "--context", "512")]
    [InlineData("too many", "--model", "2b", "--type", "q8_0", "--gpu", "t4", "--requests-per-hour", "1e7")]
    [InlineData("cold_start", "--model", "2b", "--type", "q8_0", "--gpu", "t4", "--requests-per-hour", "1", "--cold-start", "9", "--load-rate", "100")]
    [InlineData("cold_start", "--model", "2b", "--type", "q8_0", "--gpu", "t4", "--requests-per-hour", "1", "--cold-start", "9", "--startup", "start.json")]
    [InlineData("image_pull", "--model", "2b", "--type", "q8_0", "--gpu", "t4", "--requests-per-hour", "1", "--image-pull", "9", "--image-size", "100")]
    [InlineData("price_source", "--model", "2b", "--type", "q8_0", "--gpu", "t4", "--requests-per-hour", "1", "--price-source", "a list")]
    [InlineData("decode_rate", "--model", "2b", "--type", "q8_0", "--gpu", "t4", "--requests-per-hour", "1", "--prompt-rate", "9")]
    [InlineData("efficiency", "--model", "2b", "--type", "q8_0", "--gpu", "t4", "--requests-per-hour", "1", "--prompt-rate", "9", "--decode-rate", "9", "--efficiency", "0.5")]
    [InlineData("no-such.csv", "--model", "2b", "--type", "q8_0", "--gpu", "t4", "--profile", "no-such.csv")]
    [InlineData("no-such.json", "--model", "2b", "--type", "q8_0", "--gpu", "t4", "--requests-per-hour", "1", "--rates", "no-such.json")]
    [InlineData("no/such", "--model", "2b", "--type", "q8_0", "--gpu", "t4", "--requests-per-hour", "1", "--svg", "no/such/plan.svg")]
    [InlineData("no-such-scenario", "no-such-scenario")]
    public async Task Plan_CannotBeMade_FailsAndSaysWhy(string mention, params string[] arguments) =>
        (await Gemma2Program.RunAsync(["plan", .. arguments])).Failed(1, mention);

    [Theory]
    [InlineData("""{"modell": "2b"}""", "modell")]
    [InlineData("""{"model": "3b"}""", "3b", "2b, 9b, 27b")]
    [InlineData("""{"model": 2}""", "model is 2")]
    [InlineData("""{"hours": "24"}""", "hours is \"24\"")]
    [InlineData("""{"sequences": 1.5}""", "sequences is 1.5")]
    [InlineData("""{"profile": {}}""", "profile is an object")]
    [InlineData("""{"seed": 1, "seed": 2}""", "JSON")]
    [InlineData("""{"title": "\ud800"}""", "JSON")]
    [InlineData("[]", "object")]
    [InlineData("", "JSON")]
    [InlineData("{}", "model")]
    public async Task Plan_BadScenario_FailsAndNamesTheKey(string json, params string[] mentions)
    {
        using var folder = new TemporaryFolder();
        (await Gemma2Program.RunAsync("plan", folder.Write("scenario.json", json))).Failed(1, mentions);
    }

    [Fact]
    public void Parse_DamagedScenario_IsReadOrRefused()
    {
        const string whole = """{"title":"a","model":"2b","type":"q8_0","gpu":"t4","requests_per_hour":10,"profile":"burst","hours":2.5,"seed":3,"lengths":"fixed"}""";
        Gen.Select(Gen.Int[0, whole.Length - 1], Gen.Int[0, 8], Gen.String[Gen.Char["{}[]\",:01289edD-\\u\u0000 \u00e9abq_"], 0, 6]).Sample((at, drop, insert) =>
        {
            string damaged = string.Concat(whole.AsSpan(0, at), insert, whole.AsSpan(Math.Min(whole.Length, at + drop)));
            try
            {
                Scenario scenario = Scenario.Parse(damaged, "f");
                Assert.InRange(scenario.Get(PlanSettings.Hours, 1), 0.01, 8784);
            }
            catch (PlanException error)
            {
                Assert.Contains("f", error.Message);
            }
        });
    }

    [Fact]
    public void Documentation_EverySetting_IsExplained()
    {
        string page = File.ReadAllText(Path.Combine(Gemma2Program.Repository, "docs", "capacity.md"));
        Assert.All(PlanSettings.All, setting => Assert.Contains($"`{setting.Key}`", page));
    }

    private static string[] Without(string option)
    {
        int at = Array.IndexOf(Small, option);
        return at < 0 ? Small : [.. Small[..at], .. Small[(at + 2)..]];
    }
}
