using System.Buffers;
using System.Globalization;
using System.Text;

namespace Gemma2.Backend.Text;

/// <summary>A part of a text: a piece that stands in it, or what lies between two.</summary>
/// <param name="Start">Where it begins.</param>
/// <param name="End">Where it ends.</param>
/// <param name="Id">The piece; <see cref="None"/> for what lies between.</param>
internal readonly record struct TextPart(int Start, int End, int Id)
{
    /// <summary>What lies between pieces.</summary>
    public const int None = -1;

    /// <summary>The part itself.</summary>
    public string Of(string text) => Start == 0 && End == text.Length ? text : text[Start..End];
}

/// <summary>Cuts texts at the pieces that stand in them.</summary>
/// <param name="matcher">Finds them.</param>
/// <param name="rules">What holds for some of them beside their text, by id.</param>
internal sealed class PieceCutter(PieceMatcher matcher, IReadOnlyDictionary<int, AddedToken> rules)
{
    /// <summary>The parts of a text, in order; white space that a piece takes along belongs to it.</summary>
    public IEnumerable<TextPart> Cut(string text)
    {
        int done = 0;
        for (int from = 0; matcher.TryFind(text, from, out int start, out int length, out int id);)
        {
            int end = from = start + length;
            if (rules.TryGetValue(id, out AddedToken? rule))
            {
                if (rule.IsWholeWord && (EndsInWord(text.AsSpan(0, start)) || BeginsWithWord(text.AsSpan(end)))) continue;
                if (rule.TakesSpaceBefore) start = text.AsSpan(0, start).TrimEnd().Length;
                if (rule.TakesSpaceAfter) end = text.Length - text.AsSpan(end).TrimStart().Length;
            }

            if (start > done) yield return new TextPart(done, start, TextPart.None);
            yield return new TextPart(Math.Max(start, done), end, id);
            done = end;
        }

        if (done < text.Length) yield return new TextPart(done, text.Length, TextPart.None);
    }

    private static bool EndsInWord(ReadOnlySpan<char> text) => Rune.DecodeLastFromUtf16(text, out Rune last, out _) == OperationStatus.Done && IsOfWord(last);

    private static bool BeginsWithWord(ReadOnlySpan<char> text) => Rune.DecodeFromUtf16(text, out Rune first, out _) == OperationStatus.Done && IsOfWord(first);

    /// <summary>What regular expressions call \w.</summary>
    private static bool IsOfWord(Rune rune) => Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.ConnectorPunctuation or UnicodeCategory.NonSpacingMark
        or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
        or UnicodeCategory.LetterNumber;
}
