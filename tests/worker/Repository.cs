namespace Gemma2.Worker.Tests;

/// <summary>What these tests use of the repository that they were built from.</summary>
internal static class Repository
{
    /// <summary>How it was built.</summary>
    public static string Configuration { get; } = AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";

    /// <summary>Its folder.</summary>
    public static string Root { get; } = Find(AppContext.BaseDirectory);

    /// <summary>The folder of the embedded model.</summary>
    public static string Nano => Path.Combine(Root, "samples/nano");

    /// <summary>The program that plays a Functions host.</summary>
    public static string PlayedHost => Path.Combine(Root, $"tests/played-host/bin/{Configuration}/net10.0/PlayedHost");

    private static string Find(string folder) => File.Exists(Path.Combine(folder, "Serverless.sln"))
        ? folder
        : Find(Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("The tests are not inside the repository."));
}
