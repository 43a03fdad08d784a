using Gemma2.Testing;

namespace Gemma2.Chaos.Tests;

/// <summary>What these tests use of the repository that they were built from.</summary>
internal static class Repository
{
    private static readonly string Configuration = AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";

    /// <summary>The function app, built with these tests.</summary>
    public static string App => Path.Combine(AzuriteProcess.Root, $"functions/bin/{Configuration}/net10.0/Gemma2.Functions");

    /// <summary>The program that plays a Functions host, built with these tests.</summary>
    public static string PlayedHost => Path.Combine(AzuriteProcess.Root, $"tests/played-host/bin/{Configuration}/net10.0/PlayedHost");

    /// <summary>The folder of the embedded model.</summary>
    public static string Nano => Path.Combine(AzuriteProcess.Root, "samples/nano");
}
