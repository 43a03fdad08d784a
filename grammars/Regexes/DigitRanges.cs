namespace Gemma2.Grammars.Regexes;

/// <summary>Ranges of numbers as sequences of ranges of digits: 05 to 23 is 0[5-9], 1[0-9], 2[0-3].</summary>
internal static class DigitRanges
{
    /// <summary>The sequences that make up a range.</summary>
    /// <param name="first">The least number.</param>
    /// <param name="last">The greatest.</param>
    /// <param name="digits">How many digits each has.</param>
    /// <param name="bits">Bits of a digit: 4 for hexadecimal, 6 for UTF-8's following bytes.</param>
    public static IEnumerable<(int First, int Last)[]> Split(int first, int last, int digits, int bits)
    {
        if (digits == 1)
        {
            yield return [(first, last)];
            yield break;
        }

        int shift = bits * (digits - 1), full = (1 << shift) - 1;
        int low = first >> shift, high = last >> shift;
        // Leading digits whose rest is not complete come alone, those between them together.
        bool cutLow = (first & full) != 0, cutHigh = (last & full) != full;
        if (low == high || cutLow)
        {
            foreach ((int, int)[] rest in Split(first & full, low == high ? last & full : full, digits - 1, bits)) yield return [(low, low), .. rest];
            if (low == high) yield break;
            low++;
        }

        int whole = cutHigh ? high - 1 : high;
        if (low <= whole) yield return [(low, whole), .. Enumerable.Repeat((0, (1 << bits) - 1), digits - 1)];
        if (!cutHigh) yield break;
        foreach ((int, int)[] rest in Split(0, last & full, digits - 1, bits)) yield return [(high, high), .. rest];
    }
}
