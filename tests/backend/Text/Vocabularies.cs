using Gemma2.Backend.Text;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Text;

/// <summary>The vocabularies that tests use, each loaded once.</summary>
internal static class Vocabularies
{
    private static readonly Lazy<GemmaTokenizer> SmallVocabulary = new(() => Load(GoldenTokenizer.SmallModelPath));
    private static readonly Lazy<GemmaTokenizer> GoogleVocabulary = new(() => Load(GoldenTokenizer.GoogleModelPath()), LazyThreadSafetyMode.PublicationOnly);

    /// <summary>Our own, 700 pieces.</summary>
    public static GemmaTokenizer Small => SmallVocabulary.Value;

    /// <summary>Id of the small vocabulary's piece <0x00>; the other bytes follow.</summary>
    public const int FirstSmallByte = 13;

    /// <summary>Google's; skips the test where it is not there.</summary>
    public static GemmaTokenizer Google => GoogleVocabulary.Value;

    /// <summary>The small one with pieces of a tuned model behind its own.</summary>
    public static GemmaTokenizer SmallWith(params string[] added) => GemmaTokenizer.Create(
        new TokenizerParts([.. Enumerable.Range(0, Small.VocabularySize).Select(id => Small.Vocabulary[id]), .. added.Select(text => new Piece(text, 0, PieceType.UserDefined))]), "tuned");

    private static GemmaTokenizer Load(string path)
    {
        using FileStream file = File.OpenRead(path);
        return GemmaTokenizer.Load(file, Path.GetFileName(path));
    }
}
