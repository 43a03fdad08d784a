using Gemma2.Backend.Decoding;

namespace Gemma2.Backend.Tests.Sampling;

public sealed class SplitMix64Tests
{
    /// <summary>The generator's well-known first outputs for this seed (as in Rosetta Code and the reference C code).</summary>
    [Fact]
    public void At_KnownSeed_GivesKnownNumbers() => Assert.Equal(
        [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821],
        Enumerable.Range(0, 5).Select(index => SplitMix64.At(1234567, (ulong)index)));

    [Fact]
    public void UniformAt_NeighbouringSeedsAndIndices_FillsBothEvenly()
    {
        // 16 x 16 cells for pairs of numbers that follow each other, over seeds and over indices: 255 degrees of freedom.
        Assert.InRange(ChiSquare(i => (SplitMix64.UniformAt(7, i), SplitMix64.UniformAt(7, i + 1))), 160, 380);
        Assert.InRange(ChiSquare(i => (SplitMix64.UniformAt(i, 0), SplitMix64.UniformAt(i + 1, 0))), 160, 380);
    }

    private static double ChiSquare(Func<ulong, (double First, double Second)> pair)
    {
        const int Draws = 1 << 16, Cells = 256;
        int[] counts = new int[Cells];
        for (ulong i = 0; i < Draws; i++)
        {
            (double first, double second) = pair(i);
            counts[(int)(first * 16) * 16 + (int)(second * 16)]++;
        }

        const double Expected = (double)Draws / Cells;
        return counts.Sum(count => (count - Expected) * (count - Expected) / Expected);
    }
}
