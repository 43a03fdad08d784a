using System.Globalization;
using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Json;

/// <summary>
/// Sets of numbers as expressions over their texts. Two ways to write a number are compared: without an exponent, and with one behind a mantissa that has one digit, not 0,
/// before the point, as serializers write it. Where nothing is asked of a number, JSON's other ways are allowed too.
/// </summary>
internal sealed class NumberTexts
{
    private const int MostZeros = 16, MostExponent = 999, MostRemainders = 5_000;

    private readonly RegexStore _store;
    private readonly Regex _digits, _nonZero, _zeros, _minus, _point, _fraction, _whole;

    /// <summary>Makes expressions of numbers.</summary>
    /// <param name="store">Where they are kept.</param>
    public NumberTexts(RegexStore store)
    {
        _store = store;
        (_minus, _point) = (store.Literal("-"), store.Literal("."));
        _digits = store.Repeat(Digit('0', '9'), 0, null);
        _nonZero = Digit('1', '9');
        _zeros = store.Repeat(Digit('0', '0'), 0, MostZeros);
        _fraction = Optional(store.Concat(_point, Digit('0', '9'), _digits));
        _whole = store.Or(Digit('0', '0'), store.Concat(_nonZero, _digits));
        Regex exponent = store.Concat(store.Or(store.Literal("e"), store.Literal("E")), Optional(store.Or(_minus, store.Literal("+"))), store.Repeat(Digit('0', '9'), 1, 3));
        Any = Signed(store.Concat(_whole, _fraction, Optional(exponent)));
    }

    /// <summary>Every number.</summary>
    public Regex Any { get; }

    /// <summary>Every number without an exponent, in the shortest of the ways to write it.</summary>
    public Regex Shortest => _store.And(
        Signed(_store.Concat(_whole, Optional(_store.Concat(_point, _digits, _nonZero)))), _store.Not(_store.Literal("-0")));

    /// <summary>Numbers without a fraction. <c>1.0</c> has none, but is not used: parsers of typed languages refuse it where they want an integer.</summary>
    public NumberSet Integers => new(
        Signed(_whole),
        Signed(_store.Or(_store.Concat(_whole, _point, _digits, _nonZero, _digits), _store.Concat(_nonZero, _fraction, Exponent(-MostExponent, -1)))));

    /// <summary>Numbers that are written without a point and without an exponent, which are draft 4's integers.</summary>
    public NumberSet PlainIntegers => new(Signed(_whole), _store.And(Any, _store.Not(Signed(_whole))));

    /// <summary>Numbers of a value or more.</summary>
    public NumberSet AtLeast(DecimalNumber value) => new(Above(value, orEqual: true), Below(value, orEqual: false));

    /// <summary>Numbers of more than a value.</summary>
    public NumberSet MoreThan(DecimalNumber value) => new(Above(value, orEqual: false), Below(value, orEqual: true));

    /// <summary>Numbers that are one of some values.</summary>
    public NumberSet OneOf(IReadOnlyCollection<DecimalNumber> values)
    {
        Regex scientific = _store.Concat(_nonZero, _fraction, Exponent(-MostExponent, MostExponent));
        return new(Texts(values, MostZeros), _store.And(Signed(_store.Or(_store.Concat(_whole, _fraction), scientific)), _store.Not(Texts(values, null))));
    }

    /// <summary>Multiples of a number above 0, written without an exponent; null where to find one takes too long.</summary>
    public NumberSet? MultipleOf(DecimalNumber value)
    {
        if (!long.TryParse(value.Whole + value.Fraction, NumberStyles.None, CultureInfo.InvariantCulture, out long divisor)) return null;
        // Zeros at the end make multiples of 2 and 5 soon; those of anything else are found by trying as many remainders.
        long rest = divisor;
        while (rest % 2 == 0) rest /= 2;
        while (rest % 5 == 0) rest /= 5;
        if (rest > MostRemainders) return null;
        Regex plain = Signed(_store.Concat(_whole, _fraction)), multiple = Signed(_store.Machine(new MultipleMachine(divisor, 0, value.Fraction.Length, null)));
        return new(_store.And(plain, multiple), _store.And(plain, _store.Not(multiple)));
    }

    /// <summary>All texts of some values, with so many zeros at the end at most.</summary>
    private Regex Texts(IReadOnlyCollection<DecimalNumber> values, int? zeros)
    {
        ILookup<bool, DecimalNumber> byFraction = values.ToLookup(value => value.Fraction.Length > 0);
        Regex noFraction = Optional(_store.Concat(_point, _store.Repeat(Digit('0', '0'), 1, zeros)));
        return _store.Or(
        [
            _store.Concat(_store.Words([.. byFraction[false].SelectMany(PlainTexts)]), noFraction),
            _store.Concat(_store.Words([.. byFraction[true].SelectMany(PlainTexts)]), _store.Repeat(Digit('0', '0'), 0, zeros)),
            .. values.Where(value => !value.IsZero).GroupBy(value => value.Scientific.Exponent).Select(group => Scientific(group.Key, [.. group], zeros)),
        ]);
    }

    private static IEnumerable<string> PlainTexts(DecimalNumber value)
    {
        string text = value.Fraction.Length > 0 ? $"{value.Whole}.{value.Fraction}" : value.Whole;
        if (value.IsNegative || value.IsZero) yield return '-' + text;
        if (!value.IsNegative) yield return text;
    }

    private Regex Scientific(int exponent, IReadOnlyCollection<DecimalNumber> values, int? zeros)
    {
        Regex more = _store.Repeat(Digit('0', '0'), 0, zeros);
        ILookup<bool, string> mantissas = values.ToLookup(
            value => value.Scientific.Others.Length > 0,
            value => $"{(value.IsNegative ? "-" : "")}{value.Scientific.First}{(value.Scientific.Others.Length > 0 ? "." : "")}{value.Scientific.Others}");
        return _store.Concat(
            _store.Or(
                _store.Concat(_store.Words([.. mantissas[false]]), Optional(_store.Concat(_point, Digit('0', '0'), more))),
                _store.Concat(_store.Words([.. mantissas[true]]), more)),
            Exponent(exponent, exponent));
    }

    private Regex Above(DecimalNumber value, bool orEqual)
    {
        Regex magnitudes = value.IsNegative ? Smaller(value, orEqual) : Greater(value, orEqual);
        if (value.IsNegative) return _store.Or(_store.Concat(_minus, magnitudes), Greater(DecimalNumber.Zero, orEqual: true));
        return value.IsZero && orEqual ? _store.Or(magnitudes, _store.Concat(_minus, Smaller(value, orEqual: true))) : magnitudes;
    }

    private Regex Below(DecimalNumber value, bool orEqual)
    {
        if (value.IsNegative) return _store.Concat(_minus, Greater(value, orEqual));
        if (value.IsZero) return _store.Or(_store.Concat(_minus, Greater(value, orEqual)), orEqual ? Smaller(value, orEqual: true) : _store.Nothing);
        return _store.Or(Smaller(value, orEqual), _store.Concat(_minus, Greater(DecimalNumber.Zero, orEqual: true)));
    }

    /// <summary>Texts without a sign of what is greater than a number's magnitude.</summary>
    private Regex Greater(DecimalNumber value, bool orEqual)
    {
        Regex plain = Plain(value.Whole, value.Fraction, greater: true, orEqual);
        Regex any = _store.Concat(_nonZero, _fraction);
        if (value.IsZero) return _store.Or(orEqual ? _store.Concat(_whole, _fraction) : plain, _store.Concat(any, Exponent(-MostExponent, MostExponent)));
        (string first, string rest, int exponent) = value.Scientific;
        return _store.Or(
            plain,
            _store.Concat(any, Exponent(exponent + 1, MostExponent)),
            _store.Concat(Mantissa(first, rest, greater: true, orEqual), Exponent(exponent, exponent)));
    }

    /// <summary>Texts without a sign of what is smaller than a number's magnitude.</summary>
    private Regex Smaller(DecimalNumber value, bool orEqual)
    {
        Regex plain = Plain(value.Whole, value.Fraction, greater: false, orEqual);
        if (value.IsZero) return plain;
        Regex any = _store.Concat(_nonZero, _fraction);
        (string first, string rest, int exponent) = value.Scientific;
        return _store.Or(
            plain,
            _store.Concat(any, Exponent(-MostExponent, exponent - 1)),
            _store.Concat(Mantissa(first, rest, greater: false, orEqual), Exponent(exponent, exponent)));
    }

    /// <summary>Texts without sign and exponent of what is greater, or smaller, than such a text.</summary>
    private Regex Plain(string whole, string fraction, bool greater, bool orEqual) => _store.Or(
        _store.Concat(WholeBeyond(whole, greater), _fraction),
        _store.Concat(_store.Literal(whole), FractionBeyond(fraction, greater, orEqual)));

    private Regex Mantissa(string first, string rest, bool greater, bool orEqual) => _store.Or(
        _store.Concat(greater ? Digit((char)(first[0] + 1), '9') : Digit('1', (char)(first[0] - 1)), _fraction),
        _store.Concat(_store.Literal(first), FractionBeyond(rest, greater, orEqual)));

    private Regex WholeBeyond(string whole, bool greater)
    {
        Regex any = Digit('0', '9');
        Regex shorter = whole.Length == 1 ? _store.Nothing : _store.Or(Digit('0', '0'), _store.Concat(_nonZero, _store.Repeat(any, 0, whole.Length - 2)));
        List<Regex> options = [greater ? _store.Concat(_nonZero, _store.Repeat(any, whole.Length, null)) : shorter];
        for (int i = 0; i < whole.Length; i++)
        {
            char least = i == 0 && whole.Length > 1 ? '1' : '0';
            Regex beyond = greater ? Digit((char)(whole[i] + 1), '9') : Digit(least, (char)(whole[i] - 1));
            options.Add(_store.Concat(_store.Literal(whole[..i]), beyond, _store.Repeat(any, whole.Length - i - 1, whole.Length - i - 1)));
        }

        return _store.Or([.. options]);
    }

    private Regex FractionBeyond(string fraction, bool greater, bool orEqual)
    {
        // What follows the last digit, from the back to the front; a number that ends early has zeros there.
        Regex more = _store.Concat(_zeros, _nonZero, _digits);
        Regex rest = greater ? (orEqual ? _digits : more) : (orEqual ? _zeros : _store.Nothing);
        for (int i = fraction.Length - 1; i >= 0; i--)
        {
            Regex here = _store.Or(_store.Concat(DigitBeyond(fraction[i], greater), _digits), _store.Concat(Digit(fraction[i], fraction[i]), rest));
            rest = !greater && i > 0 ? _store.Or(_store.Empty, here) : here;
        }

        bool mayEnd = fraction.Length > 0 ? !greater : orEqual;
        Regex some = _store.Concat(_point, _store.And(rest, _store.Concat(Digit('0', '9'), _digits)));
        return mayEnd ? Optional(some) : some;
    }

    /// <summary>An exponent, with its letter, of a range.</summary>
    private Regex Exponent(int first, int last)
    {
        (first, last) = (Math.Max(first, -MostExponent), Math.Min(last, MostExponent));
        List<Regex> options = [];
        if (last >= 0 && first <= last) options.Add(_store.Concat(Optional(_store.Literal("+")), Counts(Math.Max(first, 0), last)));
        if (first <= 0 && first <= last) options.Add(_store.Concat(_minus, Counts(Math.Max(-last, 0), -first)));
        return _store.Concat(_store.Or(_store.Literal("e"), _store.Literal("E")), _store.Or([.. options]));
    }

    // Up to three digits, with zeros before them or without.
    private Regex Counts(int first, int last)
    {
        List<Regex> options = [];
        for (int digits = 1, most = 9; digits <= 3; digits++, most = most * 10 + 9)
        {
            if (first <= most) options.Add(Range(Padded(first, digits), Padded(Math.Min(last, most), digits)));
        }

        return _store.Or([.. options]);
    }

    // Two texts of as many digits, and all between them.
    private Regex Range(string first, string last)
    {
        Regex any = _store.Repeat(Digit('0', '9'), first.Length, first.Length);
        if (first.All(digit => digit == '0') && last.All(digit => digit == '9')) return any;
        if (first[0] == last[0]) return _store.Concat(_store.Literal(first[..1]), Range(first[1..], last[1..]));
        return _store.Or(
            _store.Concat(_store.Literal(first[..1]), Range(first[1..], new string('9', first.Length - 1))),
            _store.Concat(Digit((char)(first[0] + 1), (char)(last[0] - 1)), _store.Repeat(Digit('0', '9'), first.Length - 1, first.Length - 1)),
            _store.Concat(_store.Literal(last[..1]), Range(new string('0', last.Length - 1), last[1..])));
    }

    private static string Padded(int number, int digits) => number.ToString(CultureInfo.InvariantCulture).PadLeft(digits, '0');

    private Regex DigitBeyond(char digit, bool greater) => greater ? Digit((char)(digit + 1), '9') : Digit('0', (char)(digit - 1));

    private Regex Digit(char first, char last) => first <= last ? _store.Bytes(ByteSet.Range(first, last)) : _store.Nothing;

    private Regex Optional(Regex regex) => _store.Repeat(regex, 0, 1);

    private Regex Signed(Regex regex) => _store.Concat(Optional(_minus), regex);
}
