using System.Diagnostics;
using System.Globalization;

namespace Gemma2.Benchmarks.Gpu;

/// <summary>The programs beside this one.</summary>
internal static class Programs
{
    /// <summary>Runs one of them to its end, or stops it when its time is over.</summary>
    /// <param name="time">What it may take.</param>
    /// <param name="name">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    public static async Task<ProgramEnd> RunAsync(TimeSpan time, string name, params string[] arguments)
    {
        if (time <= TimeSpan.Zero) return new ProgramEnd(null, "", "there was no time left");
        await Console.Error.WriteLineAsync($"    {name} {string.Join(' ', arguments)}");
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, name), arguments) { RedirectStandardOutput = true, RedirectStandardError = true },
        };
        long start = Stopwatch.GetTimestamp();
        process.Start();
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        using var over = new CancellationTokenSource(time);
        try
        {
            await process.WaitForExitAsync(over.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            return new ProgramEnd(null, "", string.Create(CultureInfo.InvariantCulture, $"stopped after {Stopwatch.GetElapsedTime(start).TotalSeconds:0} s"));
        }
        return new ProgramEnd(process.ExitCode, await output, LastLine(await errors));
    }

    /// <summary>The last line of what a program said.</summary>
    public static string LastLine(string text) => text.Trim().Split('\n')[^1].Trim();
}

/// <summary>How a program ended.</summary>
/// <param name="ExitCode">Null when it did not end by itself.</param>
/// <param name="Output">What it printed.</param>
/// <param name="Reason">Why it failed; the last line of its errors.</param>
internal sealed record ProgramEnd(int? ExitCode, string Output, string Reason)
{
    /// <summary>Whether it did what it was to do.</summary>
    public bool Succeeded => ExitCode == 0;
}
