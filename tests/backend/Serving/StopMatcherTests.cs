using CsCheck;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Tests.Serving;

public sealed class StopMatcherTests
{
    [Theory]
    [InlineData("END", new[] { "one E", "N", "D two" }, new[] { "one ", "", "" }, true, "")]
    [InlineData("END", new[] { "E", "NE", "ND" }, new[] { "", "EN", "" }, true, "")]
    [InlineData("END", new[] { "EN", "X" }, new[] { "", "ENX" }, false, "")]
    [InlineData("END", new[] { "the EN" }, new[] { "the " }, false, "EN")]
    [InlineData("aab", new[] { "aa", "a", "b!" }, new[] { "", "a", "" }, true, "")]
    [InlineData("\n\n", new[] { "a\n", "b\n", "\nc" }, new[] { "a", "\nb", "" }, true, "")]
    [InlineData("😀!", new[] { "😀", "?" }, new[] { "", "😀?" }, false, "")]
    public void Append_Pieces_ShowsWhatCannotBePartOfAStop(string stop, string[] pieces, string[] shown, bool stopped, string held)
    {
        StopMatcher matcher = new([stop]);
        Assert.Equal(shown, pieces.Select(matcher.Append));
        Assert.Equal(stopped ? stop : null, matcher.Found);
        Assert.Equal(held, matcher.Flush());
    }

    [Fact]
    public void Append_StopsThatOverlap_TakesTheFirstToBeComplete()
    {
        Assert.Equal(("a", "bc"), Ended(["bcd", "bc"], ["abcd"]));
        Assert.Equal(("", "abcd"), Ended(["abcd", "cd"], ["abcd"]));
        Assert.Equal(("ab", "cd"), Ended(["abcde", "cd"], ["ab", "cd", "e"]));
    }

    [Fact]
    public void Append_AnyCut_ShowsTheSameAsCharacterByCharacter() =>
        Gen.Select(Gen.String[Gen.Char["ab"], 1, 4].Array[0, 4], Gen.String[Gen.Char["abc"], 0, 5].Array[0, 12]).Sample((stops, pieces) =>
        {
            string text = string.Concat(pieces);
            Assert.Equal(Expected(stops, text), Ended(stops, pieces));
            Assert.Equal(Expected(stops, text), Ended(stops, [.. text.Select(c => c.ToString())]));
        }, iter: 20_000);

    /// <summary>What is shown, and the stop text that ended it.</summary>
    private static (string Shown, string? Found) Ended(string[] stops, string[] pieces)
    {
        StopMatcher matcher = new(stops);
        string shown = "";
        foreach (string piece in pieces)
        {
            shown += matcher.Append(piece);
            if (matcher.Found is not null) return (shown, matcher.Found);
        }

        return (shown + matcher.Flush(), null);
    }

    /// <summary>The text before the first stop text to be complete, and that.</summary>
    private static (string Shown, string? Found) Expected(string[] stops, string text)
    {
        for (int end = 0; end <= text.Length; end++)
            if (stops.Where(stop => text[..end].EndsWith(stop, StringComparison.Ordinal)).MaxBy(stop => stop.Length) is { } stop)
                return (text[..(end - stop.Length)], stop);
        return (text, null);
    }
}
