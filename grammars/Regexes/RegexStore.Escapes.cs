using System.Runtime.CompilerServices;

namespace Gemma2.Grammars.Regexes;

/// <summary>The escapes of JSON strings.</summary>
internal sealed partial class RegexStore
{
    private const string Short = "\"\\/bfnrt", ShortValues = "\"\\/\b\f\n\r\t";

    /// <summary>What may follow a backslash: each escape that stands for a character with which the content may begin, then the rest of the content.</summary>
    private Regex Escapes(Regex content)
    {
        List<Regex> options = [];
        foreach (IGrouping<Regex, CharRange> follow in FirstChars(content).GroupBy(range => range.Rest))
        {
            List<Regex> escapes = [.. follow.SelectMany(Unicode)];
            for (int i = 0; i < Short.Length; i++)
            {
                char value = ShortValues[i];
                if (follow.Any(range => range.First <= value && value <= range.Last)) escapes.Add(Literal([(byte)Short[i]]));
            }

            options.Add(Concat(Or([.. escapes]), JsonText(follow.Key)));
        }

        return Or([.. options]);
    }

    // \u and four digits; past U+FFFF two of them, halves of a surrogate pair.
    private IEnumerable<Regex> Unicode(CharRange range)
    {
        const int pairs = 0x10000;
        if (range.First < pairs)
        {
            foreach ((int, int)[] digits in DigitRanges.Split(range.First, Math.Min(range.Last, pairs - 1), 4, 4)) yield return Concat(Literal("u"), Hex(digits));
        }

        if (range.Last < pairs) yield break;
        foreach ((int First, int Last)[] halves in DigitRanges.Split(Math.Max(range.First, pairs) - pairs, range.Last - pairs, 2, 10))
        {
            foreach ((int, int)[] high in DigitRanges.Split(0xD800 + halves[0].First, 0xD800 + halves[0].Last, 4, 4))
            {
                foreach ((int, int)[] low in DigitRanges.Split(0xDC00 + halves[1].First, 0xDC00 + halves[1].Last, 4, 4))
                    yield return Concat(Literal("u"), Hex(high), Literal("\\u"), Hex(low));
            }
        }
    }

    private Regex Hex((int First, int Last)[] digits) => Concat([.. digits.Select(digit =>
    {
        ByteSet set = default;
        for (int value = digit.First; value <= digit.Last; value++) set |= value < 10 ? ByteSet.Of((byte)('0' + value)) : ByteSet.Of((byte)('a' + value - 10), (byte)('A' + value - 10));
        return Bytes(set);
    })]);

    /// <summary>With which characters texts may begin, and what may follow each.</summary>
    private List<CharRange> FirstChars(Regex content)
    {
        List<CharRange> ranges = [];
        AddChars(content, 0, 0x7F, 0, 0, ranges);
        AddChars(content, 0xC2, 0xDF, 1, 0xC0, ranges);
        AddChars(content, 0xE0, 0xEF, 2, 0xE0, ranges);
        AddChars(content, 0xF0, 0xF4, 3, 0xF0, ranges);
        return ranges;
    }

    /// <summary>Adds the characters whose next byte is one of a range.</summary>
    /// <param name="content">What the next byte is taken from.</param>
    /// <param name="first">The least next byte.</param>
    /// <param name="last">The greatest.</param>
    /// <param name="following">How many bytes come after it.</param>
    /// <param name="mark">What the byte is, besides its part of the character.</param>
    /// <param name="ranges">Where they go, in order.</param>
    private void AddChars(Regex content, int first, int last, int following, int mark, List<CharRange> ranges)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        byte[] classes = Classes(content).Map;
        int size = 1 << (6 * following);
        for (int begin = first, end; begin <= last; begin = end)
        {
            for (end = begin + 1; end <= last && classes[end] == classes[begin];) end++;
            Regex rest = Derive(content, (byte)begin);
            if (rest == Nothing) continue;
            if (following == 0)
            {
                AddRange(ranges, new(begin - mark, end - 1 - mark, rest));
                continue;
            }

            List<CharRange> tails = [];
            AddChars(rest, 0x80, 0xBF, following - 1, 0x80, tails);
            if (tails is [{ First: 0 } whole] && whole.Last == size - 1)
            {
                AddRange(ranges, new((begin - mark) * size, (end - mark) * size - 1, whole.Rest));
                continue;
            }

            for (int lead = begin - mark; lead < end - mark; lead++)
            {
                foreach (CharRange tail in tails) AddRange(ranges, new(lead * size + tail.First, lead * size + tail.Last, tail.Rest));
            }
        }
    }

    private void AddRange(List<CharRange> ranges, CharRange range)
    {
        Budget.Spend(1);
        if (ranges.Count > 0 && ranges[^1].Rest == range.Rest && ranges[^1].Last + 1 == range.First) ranges[^1] = ranges[^1] with { Last = range.Last };
        else ranges.Add(range);
    }

    private readonly record struct CharRange(int First, int Last, Regex Rest);
}
