using System.Text;
using System.Text.Json;
using CsCheck;
using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Tests.Regexes;

public sealed class RegexStoreTests
{
    // ASCII, two bytes, three bytes twice with the same first byte, four bytes would be two chars.
    private const string Characters = "abé€₤";

    private static readonly Gen<string> Texts = Gen.Int[0, Characters.Length - 1].Array[0, 7].Select(picks => string.Concat(picks.Select(i => Characters[i])));

    [Fact]
    public void Derive_RandomExpressionsWithAndAndNot_MatchesAsTheNaiveMatcher() =>
        Gen.Select(Pattern.Random(Characters, booleans: true), Texts.Array[12]).Sample(
            (pattern, texts) =>
            {
                RegexStore store = new();
                Regex regex = pattern.In(store);
                Assert.All(texts, text => Assert.Equal(pattern.Matches(text), store.Matches(regex, text)));
            },
            iter: 3000);

    [Fact]
    public void Derive_RandomPatterns_MatchesAsDotNet() =>
        Gen.Select(Pattern.Random(Characters, booleans: false), Texts.Array[12]).Sample(
            (pattern, texts) =>
            {
                RegexStore store = new();
                Regex regex = pattern.In(store);
                var dotNet = new System.Text.RegularExpressions.Regex($@"\A(?:{pattern.ToDotNet()})\z", System.Text.RegularExpressions.RegexOptions.CultureInvariant);
                Assert.All(texts, text => Assert.Equal(dotNet.IsMatch(text), store.Matches(regex, text)));
            },
            iter: 2000);

    [Fact]
    public void IsNothing_RandomExpressions_IsSoOnlyWhereNoTextMatches() =>
        Pattern.Random("ab", booleans: true).Sample(
            pattern =>
            {
                RegexStore store = new();
                Regex regex = pattern.In(store);
                bool isNothing = store.IsNothing(regex);
                // A text that matches, found by following derivatives that are not nothing: there is one exactly where the expression is not nothing.
                Assert.Equal(!isNothing, CanFinish(store, regex));
                if (isNothing) Assert.All(AllTexts("abc", 5), text => Assert.False(pattern.Matches(text)));
            },
            iter: 2000);

    [Fact]
    public void IsNothing_AlongAnyWay_TellsWhetherTheWayLeadsOn() =>
        Gen.Select(Pattern.Random("ab", booleans: true), Gen.Int[0, 1].Array[0, 6]).Sample(
            (pattern, way) =>
            {
                RegexStore store = new();
                string prefix = string.Concat(way.Select(i => "ab"[i]));
                Regex regex = store.After(pattern.In(store), Encoding.UTF8.GetBytes(prefix));
                if (store.IsNothing(regex)) Assert.All(AllTexts("abc", 4), rest => Assert.False(pattern.Matches(prefix + rest)));
            },
            iter: 2000);

    [Fact]
    public void Classes_RandomExpressions_TellApartWhatHasDifferentDerivatives() =>
        Pattern.Random(Characters, booleans: true).Sample(
            pattern =>
            {
                RegexStore store = new();
                Regex regex = store.JsonText(pattern.In(store));
                ByteClasses classes = store.Classes(regex);
                for (int value = 0; value < 256; value++)
                    Assert.Equal(store.Derive(regex, classes.Examples[classes.Map[value]]), store.Derive(regex, (byte)value));
            },
            iter: 500);

    [Fact]
    public void DeriveNotAscii_RandomExpressions_IsTheDerivativeByEachCharacterPastAscii() =>
        Pattern.Random("aé\"", booleans: true).Sample(
            pattern =>
            {
                RegexStore store = new();
                Regex notBreaks = store.Chars([(0, 9), (0xB, 0xC), (0xE, 0x2027), (0x202A, 0x10FFFF)]);
                Regex regex = store.JsonText(store.Or(store.Concat(pattern.In(store), store.Repeat(store.AnyChar, 0, 5)), store.Repeat(notBreaks, 2, 40)));
                for (int steps = 0; steps < 3; steps++)
                {
                    if (store.DeriveNotAscii(regex) is { } derivative)
                        Assert.All((string[])["\u0080", "é", "€", "😀", "￿"], example => AssertSameTexts(store, derivative, store.After(regex, Encoding.UTF8.GetBytes(example))));
                    regex = store.Derive(regex, (byte)'b');
                }
            },
            iter: 300);

    [Theory]
    [InlineData(0, 0x10FFFF)]
    [InlineData(0x61, 0x7A)]
    [InlineData(0x7F, 0x80)]
    [InlineData(0x7FF, 0x800)]
    [InlineData(0xD000, 0xE000)]
    [InlineData(0xFFFF, 0x10000)]
    [InlineData(0x1F600, 0x1F64F)]
    [InlineData(0xFFF, 0x1001)]
    public void Chars_OfARange_MatchesEachCharacterOfItAndNoOther(int first, int last)
    {
        RegexStore store = new();
        Regex regex = store.Chars([(first, last)]);
        for (int c = 0; c <= 0x10FFFF; c += c is > 0x11000 and < 0x10F000 ? 997 : 1)
        {
            if (!Rune.TryCreate(c, out Rune rune)) continue;
            byte[] bytes = new byte[4];
            Assert.Equal(first <= c && c <= last, store.IsNullable(store.After(regex, bytes.AsSpan(0, rune.EncodeToUtf8(bytes)))));
        }
    }

    [Theory]
    [InlineData("C0 80")]
    [InlineData("ED A0 80")]
    [InlineData("F4 90 80 80")]
    [InlineData("80")]
    [InlineData("E2 82")]
    [InlineData("E2 82 41")]
    public void AnyText_BytesThatAreNoText_AreNotMatched(string hex)
    {
        RegexStore store = new();
        byte[] bytes = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        Assert.False(store.IsNullable(store.After(store.AnyText, bytes)));
        Assert.False(store.IsNullable(store.After(store.JsonText(store.AnyText), bytes)));
        Assert.False(store.IsNullable(store.After(store.Not(store.Literal("a")), bytes)));
    }

    [Fact]
    public void JsonText_RandomValuesInRandomSpellings_MatchesWhereTheContentMatchesTheValue() =>
        Gen.Select(Pattern.Random("a\n\"é", booleans: true), Gen.Int[0, 4].Array[0, 5], Gen.Int[0, 3].Array[5]).Sample(
            (pattern, picks, spellings) =>
            {
                RegexStore store = new();
                string value = string.Concat(picks.Select(i => "a\n\"é/"[i]));
                string text = string.Concat(value.Select((c, i) => Spell(c, spellings[i])));
                Assert.Equal(value, JsonSerializer.Deserialize<string>($"\"{text}\""));
                Assert.Equal(pattern.Matches(value), store.Matches(store.JsonText(pattern.In(store)), text));
            },
            iter: 2000);

    [Theory]
    [InlineData("\\ud83d\\ude00", true)]
    [InlineData("\\uD83D\\uDE00", true)]
    [InlineData("😀", true)]
    [InlineData("\\ud83d", false)]
    [InlineData("\\ude00", false)]
    [InlineData("\\ud83d\\ude01", false)]
    [InlineData("\\ud83dx", false)]
    [InlineData("\\u{1F600}", false)]
    public void JsonText_PairsOfSurrogates_AreOneCharacter(string text, bool expected)
    {
        RegexStore store = new();
        Assert.Equal(expected, store.Matches(store.JsonText(store.Literal("😀")), text));
    }

    [Theory]
    [InlineData("a\nb")]
    [InlineData("a\"b")]
    [InlineData("\\")]
    [InlineData("\\x41")]
    [InlineData("\\'")]
    [InlineData("\\u12")]
    [InlineData("\\u12g4")]
    [InlineData("\\ud800")]
    [InlineData("\u001f")]
    public void JsonText_NotAsJsonSpellsText_IsNotMatched(string text)
    {
        RegexStore store = new();
        Assert.False(store.Matches(store.JsonText(store.AnyText), text));
    }

    [Fact]
    public void JsonText_FreeText_ComesBackToItselfAfterAnyCharacter()
    {
        RegexStore store = new();
        Regex text = store.JsonText(store.AnyText);
        foreach (string character in (string[])["a", "é", "€", "😀", "\\n", "\\u00e9", "\\ud83d\\ude00"])
            Assert.Equal(text, store.After(text, Encoding.UTF8.GetBytes(character)));
        Assert.Equal(text, store.DeriveNotAscii(text));
    }

    [Fact]
    public void Repeat_OfThousands_IsNotUnrolled()
    {
        RegexStore store = new();
        int before = store.Count;
        Regex regex = store.Repeat(store.AnyChar, 0, 100_000);
        regex = store.After(regex, "hello"u8);
        Assert.Equal(store.Repeat(store.AnyChar, 0, 99_995), regex);
        Assert.True(store.Count - before < 30);
    }

    [Fact]
    public void IsNothing_CountsThatExclude_IsFoundOut()
    {
        RegexStore store = new();
        Regex atLeast = store.Repeat(store.AnyChar, 500, null), atMost = store.Repeat(store.AnyChar, 0, 499);
        Assert.True(store.IsNothing(store.And(atLeast, atMost)));
        Assert.False(store.IsNothing(store.And(atLeast, store.Repeat(store.AnyChar, 0, 500))));
    }

    [Fact]
    public void IsNothing_ExpressionThatExplodes_EndsWithAnError()
    {
        RegexStore store = new();
        store.Budget.Allow(100_000, TestContext.Current.CancellationToken);
        // Two texts whose 30th character from the end differs: 2^30 states.
        Regex one = store.Concat(store.AnyText, store.Literal("a"), store.Repeat(store.AnyChar, 30, 30));
        Regex other = store.Concat(store.AnyText, store.Literal("b"), store.Repeat(store.AnyChar, 30, 30));
        Assert.Contains("too complex", Assert.Throws<GrammarException>(() => store.IsNothing(store.And(one, other))).Message);
    }

    // Looks through all derivatives without asking which are nothing.
    private static bool CanFinish(RegexStore store, Regex regex)
    {
        HashSet<Regex> seen = [regex];
        Queue<Regex> left = new(seen);
        while (left.TryDequeue(out Regex next))
        {
            if (store.IsNullable(next)) return true;
            foreach (byte value in store.Classes(next).Examples)
            {
                Regex derivative = store.Derive(next, value);
                if (seen.Add(derivative)) left.Enqueue(derivative);
            }
        }

        return false;
    }

    private static void AssertSameTexts(RegexStore store, Regex left, Regex right) =>
        Assert.True(store.IsNothing(store.And(left, store.Not(right))) && store.IsNothing(store.And(right, store.Not(left))));

    private static IEnumerable<string> AllTexts(string characters, int longest) => longest == 0 ? [""] : AllTexts(characters, longest - 1).SelectMany(text =>
        text.Length < longest - 1 ? [text] : characters.Select(c => text + c).Prepend(text));

    private static string Spell(char c, int way) => (c, way) switch
    {
        ('\n', 1) => "\\n",
        ('"', 1) => "\\\"",
        ('/', 1) => "\\/",
        (_, 2) => $"\\u{(int)c:X4}",
        ('\n' or '"', _) or (_, 3) => $"\\u{(int)c:x4}",
        _ => c.ToString(),
    };
}
