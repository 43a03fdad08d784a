using CsCheck;
using Gemma2.Cli.Planning.Simulation;

namespace Gemma2.Cli.Tests.Planning;

public sealed class TournamentTreeTests
{
    [Fact]
    public void Set_AnyChanges_KnowsTheFirstOfTheLowest() => Gen.Select(Gen.Int[0, 40], Gen.Int[0, 9]).Array[1, 200].Sample(changes =>
    {
        var tree = new TournamentTree();
        double[] values = [.. Enumerable.Repeat(double.PositiveInfinity, 41)];
        foreach ((int index, int value) in changes)
        {
            double set = value == 9 ? double.PositiveInfinity : value;
            tree.Set(index, values[index] = set);
            Assert.Equal(values.Min(), tree.Lowest);
            if (!double.IsPositiveInfinity(tree.Lowest)) Assert.Equal(Array.IndexOf(values, values.Min()), tree.LowestIndex);
        }
    });
}
