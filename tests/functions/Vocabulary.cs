using Gemma2.Backend.Text;

namespace Gemma2.Functions.Tests;

/// <summary>The small vocabulary of the golden data, read once.</summary>
internal static class Vocabulary
{
    private static readonly Lazy<GemmaTokenizer> Loaded = new(() =>
    {
        using FileStream file = File.OpenRead(Path.Combine(Repository.Root, "tests/golden/tokenizer/small.model"));
        return GemmaTokenizer.Load(file, "tokenizer.model");
    });

    public static GemmaTokenizer Tokenizer => Loaded.Value;
}
