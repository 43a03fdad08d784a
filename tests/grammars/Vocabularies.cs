using Gemma2.Backend.Text;
using Gemma2.Golden;
using Gemma2.Grammars.Masks;

namespace Gemma2.Grammars.Tests;

/// <summary>Vocabularies and their tries, made once.</summary>
internal static class Vocabularies
{
    private static readonly Lazy<(GemmaTokenizer, TokenTrie)> GoogleOnce = new(() => Load(GoldenTokenizer.GoogleModelPath()));
    private static readonly Lazy<(GemmaTokenizer, TokenTrie)> SmallOnce = new(() => Load(GoldenTokenizer.SmallModelPath));

    /// <summary>Google's 256,000 pieces; skips the test where they are not there.</summary>
    public static (GemmaTokenizer Tokenizer, TokenTrie Trie) Google
    {
        get
        {
            GoldenTokenizer.GoogleModelPath();
            return GoogleOnce.Value;
        }
    }

    /// <summary>Our own small vocabulary.</summary>
    public static (GemmaTokenizer Tokenizer, TokenTrie Trie) Small => SmallOnce.Value;

    private static (GemmaTokenizer, TokenTrie) Load(string path)
    {
        using FileStream file = File.OpenRead(path);
        GemmaTokenizer tokenizer = GemmaTokenizer.Load(file, path);
        return (tokenizer, new(tokenizer));
    }
}
