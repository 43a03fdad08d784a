using System.Text.Json;

namespace Gemma2.Golden;

/// <summary>Vocabularies and tokenizer vectors of this folder. See tokenizer/README.md.</summary>
public static class GoldenTokenizer
{
    private static readonly string Folder = Path.Combine(GoldenModels.Root, "tokenizer");
    private static readonly string GoogleModel =
        Path.GetFullPath(Path.Combine(GoldenModels.Root, "..", "..", "..", "shared", "golden", "tokenizer", "tokenizer.model"));

    /// <summary>Our own small vocabulary.</summary>
    public static string SmallModelPath { get; } = Path.Combine(Folder, "small.model");

    /// <summary>Google's vocabulary; skips the test where it is not there.</summary>
    public static string GoogleModelPath()
    {
        if (!File.Exists(GoogleModel)) Assert.Skip("Google's tokenizer.model is not beside this checkout (../shared/golden/tokenizer/tokenizer.model).");
        return GoogleModel;
    }

    /// <summary>Reads a file of vectors: a list of JSON objects.</summary>
    public static IReadOnlyList<JsonElement> Vectors(string file)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, file)));
        return [.. document.RootElement.EnumerateArray().Select(entry => entry.Clone())];
    }

    /// <summary>A list of ids.</summary>
    public static int[] Ids(this JsonElement entry, string key) => [.. entry.GetProperty(key).EnumerateArray().Select(id => id.GetInt32())];

    /// <summary>A text.</summary>
    public static string Text(this JsonElement entry, string key) => entry.GetProperty(key).GetString()!;

    /// <summary>Whether the entry has that field.</summary>
    public static bool Has(this JsonElement entry, string key) => entry.TryGetProperty(key, out _);
}
