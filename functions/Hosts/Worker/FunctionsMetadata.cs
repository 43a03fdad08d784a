using System.Reflection;
using System.Text.Json;
using Gemma2.Functions.Configuration;

namespace Gemma2.Functions.Hosts.Worker;

/// <summary>functions.metadata, which the build writes beside the executable and the host reads.</summary>
internal static class FunctionsMetadata
{
    private const string FileName = "functions.metadata";

    /// <summary>Throws where the file is another build's: the host would start, and each function that is not there would fail by itself.</summary>
    /// <param name="folder">Where the executable is.</param>
    /// <exception cref="ConfigurationException">Says which function.</exception>
    public static void Check(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            throw new ConfigurationException($"{path} is missing: dotnet publish functions makes it.");
        foreach (string? entryPoint in EntryPoints(path))
            if (entryPoint is null || !Exists(entryPoint))
                throw new ConfigurationException($"{path} is of another build: it names {entryPoint ?? "a function without an entry point"}, which is not in {ThisAssembly.GetName().Name}.dll; publish anew.");
    }

    private static Assembly ThisAssembly => typeof(FunctionsMetadata).Assembly;

    private static string?[] EntryPoints(string path)
    {
        try
        {
            return [.. JsonElement.Parse(File.ReadAllBytes(path)).EnumerateArray().Select(function => function.GetProperty("entryPoint").GetString())];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new ConfigurationException($"{path} is no list of functions; publish anew.");
        }
    }

    // NAMESPACE.CLASS.METHOD
    private static bool Exists(string entryPoint) =>
        entryPoint.LastIndexOf('.') is var dot and > 0 && ThisAssembly.GetType(entryPoint[..dot])?.GetMethod(entryPoint[(dot + 1)..]) is not null;
}
