using System.Globalization;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Synthesis;

/// <summary>
/// A made-up vocabulary in Gemma's layout: control and unused pieces, turns at 106 and 107, all bytes, the characters of ASCII, then every word of letters,
/// short ones first, until there are enough. Any text has tokens, a word of text about two.
/// </summary>
internal static class SyntheticVocabulary
{
    private const int StartOfTurn = 106;
    private const int FirstByte = 108;

    /// <summary>Makes a vocabulary.</summary>
    /// <param name="size">Number of pieces.</param>
    public static Vocabulary Of(int size)
    {
        IEnumerable<Piece> marks = Marks().Concat(Unused()).Take(StartOfTurn)
            .Concat([new("<start_of_turn>", 0, PieceType.UserDefined), new("<end_of_turn>", 0, PieceType.UserDefined)]);
        IEnumerable<Piece> bytes = Enumerable.Range(0, 256).Select(value => new Piece($"<0x{value:X2}>", 0, PieceType.Byte));
        IEnumerable<Piece> texts = Characters().Concat(Words()).Select((text, rank) => new Piece(text, -rank, PieceType.Normal));
        return new Vocabulary(new TokenizerParts([.. marks.Concat(bytes).Append(new Piece("\n", 0, PieceType.UserDefined)).Concat(texts).Take(size)]));
    }

    private static IEnumerable<Piece> Marks() =>
    [
        new("<pad>", 0, PieceType.Control), new("<eos>", 0, PieceType.Control), new("<bos>", 0, PieceType.Control), new("<unk>", 0, PieceType.Unknown),
    ];

    private static IEnumerable<Piece> Unused() =>
        Enumerable.Range(0, FirstByte).Select(number => new Piece(string.Create(CultureInfo.InvariantCulture, $"<unused{number}>"), 0, PieceType.UserDefined));

    private static IEnumerable<string> Characters() => Enumerable.Range(' ', '~' - ' ' + 1).Select(character => Text((char)character));

    /// <summary>All words of two letters, then of three and so on; the first letter may be a space.</summary>
    private static IEnumerable<string> Words()
    {
        string[] letters = [.. Enumerable.Range('a', 26).Select(letter => Text((char)letter))];
        IEnumerable<string> words = [Text(' '), .. letters];
        while (true)
        {
            words = words.SelectMany(word => letters, string.Concat);
            foreach (string word in words) yield return word;
        }
    }

    private static string Text(char character) => (character == ' ' ? Vocabulary.Space : character).ToString();
}
