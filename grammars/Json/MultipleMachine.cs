using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Json;

/// <summary>Digits, with a point or without, whose number is a multiple: long division, a digit at a time, in units of the divisor's last digit.</summary>
/// <param name="Divisor">What it must be a multiple of, in those units.</param>
/// <param name="Remainder">What is left of the digits so far, as if the rest of them were zeros.</param>
/// <param name="Places">How many digits behind the point make up a unit.</param>
/// <param name="Left">How many of them are still to come; null before the point.</param>
internal sealed record MultipleMachine(long Divisor, long Remainder, int Places, int? Left) : IByteMachine
{
    private static readonly ByteSet Digits = ByteSet.Range('0', '9'), Zero = ByteSet.Of((byte)'0'), Point = ByteSet.Of((byte)'.');

    /// <inheritdoc/>
    public bool IsNullable
    {
        get
        {
            Int128 remainder = Remainder;
            for (int left = Left ?? Places; left > 0; left--) remainder = remainder * 10 % Divisor;
            return remainder == 0;
        }
    }

    // Digits smaller than the unit must be zeros.
    /// <inheritdoc/>
    public ByteSet First => Left switch { null => Digits | Point, 0 => Zero, _ => Digits };

    /// <inheritdoc/>
    public IByteMachine Next(byte value) => value == '.'
        ? this with { Left = Places }
        : Left == 0 ? this : this with { Remainder = (long)(((Int128)Remainder * 10 + (value - '0')) % Divisor), Left = Left - 1 };
}
