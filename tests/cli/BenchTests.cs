using System.Diagnostics;
using System.Text.Json;
using Gemma2.Golden;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

public sealed class BenchTests
{
    private static readonly string Model = GoldenModels.Open("a-base").Folder;

    private static readonly string[] Small = ["bench", Model, "--prompt-tokens", "40", "--decode-tokens", "5", "--rounds", "2"];

    [Fact]
    public async Task Bench_Json_HasRatesSharesAndMemoryThatFitTogether()
    {
        Machine.NeedsDevice();
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync([.. Small, "--sequences", "1,3", "--json"])).Succeeded());
        JsonElement root = report.RootElement;
        Assert.Equal("measured", root.Text("kind"));
        Assert.NotEqual("", root.Text("device"));
        Assert.True(root.GetProperty("load_seconds").GetDouble() > 0);

        JsonElement peaks = root.GetProperty("peaks");
        double bandwidth = peaks.GetProperty("bytes_per_second").GetDouble();
        Assert.True(bandwidth >= peaks.GetProperty("read_bytes_per_second").GetProperty("highest").GetDouble());
        Assert.True(bandwidth >= peaks.GetProperty("copy_bytes_per_second").GetProperty("highest").GetDouble());
        Assert.True(peaks.GetProperty("best_operations_per_second").GetDouble() > 0);

        JsonElement memory = root.GetProperty("memory");
        long weights = memory.GetProperty("weight_bytes").GetInt64();
        Assert.InRange(weights, 1, memory.GetProperty("device_bytes").GetInt64());
        Assert.True(memory.GetProperty("process_peak_bytes").GetInt64() > 0);

        JsonElement[] runs = [.. root.GetProperty("runs").EnumerateArray()], rates = [.. root.GetProperty("rates").EnumerateArray()];
        Assert.Equal([1, 3], runs.Select(run => run.GetProperty("sequences").GetInt32()));
        foreach ((JsonElement run, JsonElement rate) in runs.Zip(rates))
        {
            int sequences = run.GetProperty("sequences").GetInt32();
            Assert.Equal(sequences, rate.GetProperty("sequences").GetInt32());
            foreach (string phase in (string[])["prompt_tokens_per_second", "decode_tokens_per_second"])
            {
                JsonElement spread = run.GetProperty(phase);
                double median = spread.GetProperty("median").GetDouble();
                Assert.InRange(median, spread.GetProperty("lowest").GetDouble(), spread.GetProperty("highest").GetDouble());
                Assert.True(median > 0);
                Assert.Equal(median, rate.GetProperty(phase).GetDouble());
            }
            long step = run.GetProperty("decode_step_bytes").GetInt64();
            Assert.True(step > weights);
            double share = run.GetProperty("decode_tokens_per_second").GetProperty("highest").GetDouble() / sequences * step / bandwidth;
            Assert.Equal(share, run.GetProperty("bandwidth_share").GetProperty("highest").GetDouble(), share * 1e-6);
        }
        // Keys and values are read for each sequence, weights once for all.
        Assert.Equal(
            3 * (runs[0].GetProperty("decode_step_bytes").GetInt64() - weights), runs[1].GetProperty("decode_step_bytes").GetInt64() - weights);
    }

    [Fact]
    public async Task Bench_Json_IsARatesFileForPlan()
    {
        Machine.NeedsDevice();
        using var folder = new TemporaryFolder();
        string rates = folder.File("rates.json");
        await File.WriteAllTextAsync(rates, (await Gemma2Program.RunAsync([.. Small, "--json"])).Succeeded(), TestContext.Current.CancellationToken);
        string plan = (await Gemma2Program.RunAsync(
            "plan", "--model", "2b", "--type", "q8_0", "--gpu", "t4", "--requests-per-hour", "1", "--hours", "1", "--rates", rates)).Succeeded();
        Assert.Contains("measured on", plan);
    }

    [Fact]
    public async Task Bench_Text_ShowsSharesBesideRates()
    {
        Machine.NeedsDevice();
        string text = (await Gemma2Program.RunAsync(Small)).Succeeded();
        foreach (string word in (string[])["memory bandwidth", "share of bandwidth", "share of arithmetic", "2 rounds", "%"]) Assert.Contains(word, text);
        Assert.DoesNotContain('\u001b', text);
    }

    [Fact]
    public async Task Bench_Profile_SharesAddUpAndTheTraceHasEveryDispatch()
    {
        Machine.NeedsDevice();
        using var folder = new TemporaryFolder();
        string trace = folder.File("trace.json");
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync([.. Small, "--json", "--profile", trace])).Succeeded());
        JsonElement profile = report.RootElement.GetProperty("profile");
        int calls = 0;
        foreach ((string phase, int passes) in ((string, int)[])[("prompt", 1), ("decode", 5)])
        {
            JsonElement time = profile.GetProperty(phase);
            Assert.Equal(passes, time.GetProperty("passes").GetInt32());
            JsonElement[] kernels = [.. time.GetProperty("kernels").EnumerateArray()];
            Assert.Equal(1, kernels.Sum(kernel => kernel.GetProperty("share").GetDouble()), 1e-9);
            Assert.Equal(time.GetProperty("milliseconds").GetDouble(), kernels.Sum(kernel => kernel.GetProperty("milliseconds").GetDouble()), 1e-6);
            JsonElement down = kernels.Single(kernel => kernel.Text("step") == "down");
            // [hidden, intermediate] of a-base, once a layer.
            Assert.Equal("[64, 128]", down.Text("shape"));
            Assert.Equal(4 * passes, down.GetProperty("calls").GetInt32());
            Assert.True(down.GetProperty("bytes_per_second").GetDouble() > 0);
            calls += kernels.Sum(kernel => kernel.GetProperty("calls").GetInt32());
        }

        using JsonDocument events = JsonDocument.Parse(await File.ReadAllBytesAsync(trace, TestContext.Current.CancellationToken));
        JsonElement[] spans = [.. events.RootElement.GetProperty("traceEvents").EnumerateArray().Where(span => span.Text("ph") == "X")];
        Assert.Equal(calls, spans.Count(span => span.GetProperty("tid").GetInt32() == 2));
        Assert.Equal(6, spans.Count(span => span.GetProperty("tid").GetInt32() == 1));
        Assert.All(spans, span => Assert.True(span.GetProperty("ts").GetDouble() >= 0 && span.GetProperty("dur").GetDouble() >= 0));
    }

    [Theory]
    [InlineData("--sequences", "2,4")]
    [InlineData("--sequences", "1,4,4")]
    [InlineData("--sequences", "1,65")]
    [InlineData("--sequences", "")]
    [InlineData("--prompt-tokens", "0")]
    [InlineData("--decode-tokens", "x")]
    [InlineData("--rounds", "-1")]
    public async Task Bench_WrongNumber_IsBadUsageThatNamesIt(string option, string value) =>
        (await Gemma2Program.RunAsync("bench", Model, option, value)).Failed(2, option, "allowed");

    [Fact]
    public async Task Bench_NoModel_IsRefusedAtOnce() => (await Gemma2Program.RunAsync("bench", "no-such-folder")).Failed(1, "no-such-folder");

    [Fact]
    public async Task Bench_ContextTooShort_SaysWhatItHolds()
    {
        Machine.NeedsDevice();
        (await Gemma2Program.RunAsync([.. Small, "--context", "20"])).Failed(1, "40 tokens", "20");
    }

    [Fact]
    public async Task Bench_Interrupted_EndsWith130()
    {
        Machine.NeedsDevice();
        using Process process = Gemma2Program.Start(["bench", Model, "--rounds", "1000"]);
        await Task.Delay(TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken);
        using (Process kill = Process.Start("kill", ["-INT", $"{process.Id}"])) await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(130, process.ExitCode);
        Assert.Equal("", await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken));
    }
}
