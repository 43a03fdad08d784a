namespace Gemma2.Backend.Decoding;

/// <summary>
/// SplitMix64 read by position: the number at an index follows from seed and index alone, so a token's draw does not depend on what ran before or beside it.
/// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
/// </summary>
public static class SplitMix64
{
    private const ulong Gamma = 0x9E3779B97F4A7C15;

    /// <summary>The generator's output number <paramref name="index"/>, from 0.</summary>
    public static ulong At(ulong seed, ulong index)
    {
        ulong z = seed + (index + 1) * Gamma;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        return z ^ z >> 31;
    }

    /// <summary>The same as a number from 0 up to, not including, 1: all multiples of 2^-53.</summary>
    public static double UniformAt(ulong seed, ulong index) => (At(seed, index) >> 11) * (1.0 / (1L << 53));
}
