using System.Globalization;
using System.Text.Json;

namespace Gemma2.Benchmarks.Gpu;

/// <summary>A model of random weights in one shape: its file, and what is measured with it.</summary>
/// <param name="shape">As <c>gemma2 synthesize</c> has it.</param>
/// <param name="settings">How much is measured.</param>
/// <param name="device">The device's index.</param>
/// <param name="budget">The time that is left.</param>
internal sealed class Model(string shape, RunSettings settings, int device, TimeBudget budget)
{
    private const double Billion = 1e9;

    // The most that one part may take of the time.
    private const double SynthesisSeconds = 120;
    private const double BenchSeconds = 100;

    // llama.cpp's Vulkan backend compiles its shaders for minutes on a CPU.
    private const double SoftwarePeerSeconds = 900;

    /// <summary>Its shape.</summary>
    public string Shape => shape;

    private string File => Path.Combine(settings.Models, $"{shape}-q8_0.gguf");

    /// <summary>Bytes of the file, roughly: nothing is begun that does not fit.</summary>
    private double ExpectedBytes => shape switch { "27b" => 29 * Billion, "9b" => 9.9 * Billion, "2b" => 2.8 * Billion, _ => Billion / 100 };

    /// <summary>Writes the file.</summary>
    /// <param name="deviceBytes">Memory of the device.</param>
    /// <returns>Why it was not written; null when it was.</returns>
    public async Task<string?> SynthesizeAsync(long deviceBytes)
    {
        Directory.CreateDirectory(settings.Models);
        if (ExpectedBytes * 1.1 > deviceBytes) return Say($"the device has {deviceBytes / Billion:0.0} GB, the weights need {ExpectedBytes / Billion:0.0}");
        long room = new DriveInfo(settings.Models).AvailableFreeSpace;
        if (ExpectedBytes * 1.05 > room) return Say($"{settings.Models} has room for {room / Billion:0.0} GB, the file needs {ExpectedBytes / Billion:0.0} (--models names another folder)");
        ProgramEnd end = await Programs.RunAsync(budget.AtMost(SynthesisSeconds), "gemma2", "synthesize", shape, File, "--type", "q8_0", "--force");
        return end.Succeeded ? null : end.Reason;
    }

    /// <summary>Prompt, decoding of one sequence, and their shares of what the device reaches.</summary>
    public Task<Measured> MeasureOneAsync() => BenchAsync(
        "--sequences", "1", "--prompt-tokens", $"{settings.PromptTokens}", "--decode-tokens", $"{settings.DecodeTokens}", "--rounds", $"{settings.Rounds}");

    /// <summary>Decoding by the number of sequences.</summary>
    public Task<Measured> MeasureWidthsAsync() => BenchAsync(
        "--sequences", settings.Widths, "--prompt-tokens", "16", "--decode-tokens", $"{Math.Min(32, settings.DecodeTokens)}", "--rounds", "1");

    /// <summary>The same beside llama.cpp's Vulkan backend, in turn.</summary>
    public Task<Measured> MeasurePeerAsync() => MeasureAsync(settings.IsSoftware ? SoftwarePeerSeconds : BenchSeconds, "PeersBenchmark", file =>
    [
        "--model", File, "--peer", "llama.cpp-vulkan", "--exact-tokens", "0", "--prompt-tokens", $"{settings.PromptTokens}", "--decode-tokens", $"{settings.DecodeTokens}",
        "--rounds", $"{settings.Rounds}", "--device", $"{device}", "--json", file,
    ]);

    /// <summary>Removes the file.</summary>
    public void Delete()
    {
        if (System.IO.File.Exists(File)) System.IO.File.Delete(File);
    }

    private async Task<Measured> BenchAsync(params string[] arguments)
    {
        ProgramEnd end = await Programs.RunAsync(budget.AtMost(BenchSeconds), "gemma2", ["bench", File, "--json", "--device", $"{device}", .. arguments]);
        return end.Succeeded ? new Measured(JsonDocument.Parse(end.Output).RootElement, null) : new Measured(null, end.Reason);
    }

    private async Task<Measured> MeasureAsync(double seconds, string program, Func<string, string[]> arguments)
    {
        string file = Path.GetTempFileName();
        try
        {
            ProgramEnd end = await Programs.RunAsync(budget.AtMost(seconds), program, arguments(file));
            return end.Succeeded ? new Measured(JsonDocument.Parse(await System.IO.File.ReadAllTextAsync(file)).RootElement, null) : new Measured(null, end.Reason);
        }
        finally
        {
            System.IO.File.Delete(file);
        }
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A measurement, or why there is none.</summary>
/// <param name="Report">A program's JSON.</param>
/// <param name="Reason">Why there is none.</param>
internal sealed record Measured(JsonElement? Report, string? Reason);
