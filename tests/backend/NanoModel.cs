using Gemma2.Golden;

namespace Gemma2.Backend.Tests;

/// <summary>The trained model that the repository ships.</summary>
internal static class NanoModel
{
    public static string Folder { get; } = Path.GetFullPath(Path.Combine(GoldenModels.Root, "..", "..", "samples", "nano"));
}
