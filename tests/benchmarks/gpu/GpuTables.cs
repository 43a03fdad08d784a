using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Gemma2.Benchmarks.Gpu;

/// <summary>The tables of docs/performance.md about one GPU.</summary>
/// <param name="device">The GPU.</param>
/// <param name="settings">What was measured.</param>
internal sealed class GpuTables(Device device, RunSettings settings)
{
    private readonly StringBuilder _devices = new(), _tests = new(), _rates = new(), _widths = new(), _missing = new();

    /// <summary>What the machine has.</summary>
    public void AddDevices(string text) => _devices.Append(text);

    /// <summary>What tests found.</summary>
    public void Add(TestGroup group, TestOutcome outcome) =>
        Append(_tests, $"| {group.What} | {outcome.Passed} | {outcome.Failed} | {outcome.Skipped} | {outcome.Seconds:0.0} | {string.Join("; ", outcome.Remarks).Replace("|", "/", StringComparison.Ordinal)} |\n");

    /// <summary>Why a shape was not measured.</summary>
    public void AddMissing(string shape, string reason) => Append(_missing, $"- {shape} was not measured: {reason}\n");

    /// <summary>What was measured of a shape.</summary>
    public void Add(string shape, Measured one, Measured widths, Measured peer)
    {
        AddRates(shape, one.Report, peer.Report);
        if (widths.Report is { } report) AddWidths(shape, report);
        AddReason(shape, "prompt and decoding", one);
        AddReason(shape, "decoding by width", widths);
        AddReason(shape, "llama.cpp's Vulkan backend", peer);
    }

    /// <summary>All of them.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        Append(text, $"### {device.Name}, {device.Driver}\n\n");
        Append(text, $"Measured {DateTime.UtcNow:yyyy-MM-dd} with the folder of `tests/benchmarks/gpu/make.sh`{(device.IsSoftware ? "; the device is a CPU, so this only shows that the script works" : "")}.\n\n");
        text.Append("| tests | passed | failed | not run | seconds | |\n|---|---|---|---|---|---|\n").Append(_tests).Append('\n');
        Append(text, $"Q8_0, prompt of {settings.PromptTokens} tokens and {settings.DecodeTokens} decoded after it, one sequence, median (lowest to highest) of {settings.Rounds} rounds. The bandwidth is what the device reached in the same run ([how](performance.md#gemma2-bench)); llama.cpp's Vulkan backend ran in turn with ours.\n\n");
        text.Append("| shape | prompt tokens/s | decode tokens/s | bandwidth, GB/s | **decoding's share of it** | **prompt, of llama.cpp's** | **decoding, of llama.cpp's** |\n|---|---|---|---|---|---|---|\n").Append(_rates).Append('\n');
        text.Append("Steps by the number of sequences that decode together:\n\n| shape | sequences | step, ms | **step, of one's** | **tokens/s, of one's** | **share of the bandwidth** |\n|---|---|---|---|---|---|\n").Append(_widths).Append('\n');
        if (_missing.Length > 0) text.Append(_missing).Append('\n');
        return text.Append("What the machine has:\n\n```\n").Append(_devices).Append("\n```\n").ToString();
    }

    private void AddReason(string shape, string what, Measured measured)
    {
        if (measured.Reason is { } reason) Append(_missing, $"- {shape}, {what}: {(reason.Length > 0 ? reason : "the program failed without a word")}\n");
    }

    private void AddRates(string shape, JsonElement? ours, JsonElement? peer)
    {
        if (ours is null && peer is null) return;
        JsonElement? run = ours?.GetProperty("runs")[0], comparison = peer?.GetProperty("comparisons")[0];
        Append(_rates, $"| {shape} | {Spread(run, "prompt_tokens_per_second")} | {Spread(run, "decode_tokens_per_second")} | {Bandwidth(ours)} | {Bold(Spread(run, "bandwidth_share"))} ");
        Append(_rates, $"| {Bold(Spread(comparison, "prompt_ratio"))} | {Bold(Spread(comparison, "decode_ratio"))} |\n");
    }

    private void AddWidths(string shape, JsonElement report)
    {
        double one = 0;
        foreach (JsonElement run in report.GetProperty("runs").EnumerateArray())
        {
            int sequences = run.GetProperty("sequences").GetInt32();
            double rate = run.GetProperty("decode_tokens_per_second").GetProperty("median").GetDouble(), share = run.GetProperty("bandwidth_share").GetProperty("median").GetDouble();
            if (sequences == 1) one = rate;
            Append(_widths, $"| {shape} | {sequences} | {1000 * sequences / rate:0.00} | **{sequences * one / rate:0.00}** | **{rate / one:0.00}** | **{share:0.00}** |\n");
        }
    }

    private static string Bandwidth(JsonElement? report) =>
        report is { } known ? (known.GetProperty("peaks").GetProperty("bytes_per_second").GetDouble() / 1e9).ToString("0", CultureInfo.InvariantCulture) : "";

    private static string Bold(string text) => text.Length > 0 ? $"**{text}**" : "";

    private static string Spread(JsonElement? parent, string name)
    {
        if (parent is not { } known) return "";
        JsonElement spread = known.GetProperty(name);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{spread.GetProperty("median").GetDouble():G3} ({spread.GetProperty("lowest").GetDouble():G3} to {spread.GetProperty("highest").GetDouble():G3})");
    }

    private static void Append(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture));
}
