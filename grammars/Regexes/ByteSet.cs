namespace Gemma2.Grammars.Regexes;

/// <summary>A set of bytes, a bit each.</summary>
internal readonly record struct ByteSet(UInt128 Low, UInt128 High)
{
    /// <summary>All bytes.</summary>
    public static ByteSet All => new(UInt128.MaxValue, UInt128.MaxValue);

    /// <summary>Whether it holds nothing.</summary>
    public bool IsEmpty => Low == 0 && High == 0;

    /// <summary>One byte.</summary>
    public static ByteSet Of(byte value) => value < 128 ? new(UInt128.One << value, 0) : new(0, UInt128.One << (value - 128));

    /// <summary>Some bytes.</summary>
    public static ByteSet Of(params ReadOnlySpan<byte> values)
    {
        ByteSet set = default;
        foreach (byte value in values) set |= Of(value);
        return set;
    }

    /// <summary>The bytes from the first to the last, both included.</summary>
    public static ByteSet Range(int first, int last)
    {
        ByteSet set = default;
        for (int value = first; value <= last; value++) set |= Of((byte)value);
        return set;
    }

    /// <summary>Whether a byte is in it.</summary>
    public bool Contains(byte value) => ((value < 128 ? Low >> value : High >> (value - 128)) & 1) != 0;

    public static ByteSet operator |(ByteSet left, ByteSet right) => new(left.Low | right.Low, left.High | right.High);

    public static ByteSet operator &(ByteSet left, ByteSet right) => new(left.Low & right.Low, left.High & right.High);

    public static ByteSet operator ~(ByteSet set) => new(~set.Low, ~set.High);
}
