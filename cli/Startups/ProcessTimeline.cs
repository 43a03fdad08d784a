using System.Diagnostics;
using Gemma2.Backend.Startup;

namespace Gemma2.Cli.Startups;

/// <summary>The start of this process: whatever it loads is a part of it.</summary>
internal static class ProcessTimeline
{
    private static readonly long FirstLine = Stopwatch.GetTimestamp();

    /// <summary>The timeline.</summary>
    public static StartupTimeline Current => field ??= StartupTimeline.OfProcess(FirstLine);

    /// <summary>Called by the program's first line, which ends the start of the runtime.</summary>
    public static void Begin() => _ = FirstLine;
}
