using System.Diagnostics;
using System.Reflection;

namespace Gemma2.Infra.Tests.Bicep;

/// <summary>The Bicep CLI of the NuGet package. It asks no service for anything.</summary>
internal static class BicepCli
{
    private static readonly string Program = typeof(BicepCli).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(data => data.Key == "BicepCli").Value!;

    // Each keeps a core busy for seconds.
    private static readonly SemaphoreSlim Turn = new(System.Environment.ProcessorCount);

    /// <summary>What the parameter files read from the environment; nothing else of it reaches them.</summary>
    private static readonly Dictionary<string, string> Environment = new()
    {
        ["GEMMA2_IMAGE_TAG"] = "1.2.3",
        ["GEMMA2_API_KEYS"] = ApiKeys,
        ["GEMMA2_CALLBACK_SECRET"] = CallbackSecret,
        ["GEMMA2_ADMIN_KEY"] = AdminKey,
    };

    /// <summary>What the secret parameters are set to: no output may show them.</summary>
    public const string ApiKeys = "tests=0123456789abcdef", CallbackSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", AdminKey = "fedcba9876543210";

    /// <summary>Runs a command line in a folder.</summary>
    /// <returns>The exit code, and standard output followed by standard error.</returns>
    public static async Task<(int ExitCode, string Output)> RunAsync(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(Program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        string? home = start.Environment["HOME"];
        start.Environment.Clear();
        start.Environment["HOME"] = home;
        // It needs no ICU library then.
        start.Environment["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1";
        foreach ((string name, string value) in Environment) start.Environment[name] = value;
        CancellationToken cancellationToken = TestContext.Current.CancellationToken;
        await Turn.WaitAsync(cancellationToken);
        try
        {
            using Process process = Process.Start(start)!;
            return await WaitAsync(process, cancellationToken);
        }
        finally
        {
            Turn.Release();
        }
    }

    private static async Task<(int ExitCode, string Output)> WaitAsync(Process process, CancellationToken cancellationToken)
    {
        try
        {
            string[] output = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(cancellationToken), process.StandardError.ReadToEndAsync(cancellationToken));
            await process.WaitForExitAsync(cancellationToken);
            return (process.ExitCode, string.Concat(output));
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }
}
