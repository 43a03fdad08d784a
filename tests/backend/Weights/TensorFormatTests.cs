using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Blocks;

namespace Gemma2.Backend.Tests.Weights;

public sealed class TensorFormatTests
{
    [Fact]
    public void All_Types_AreInTheOrderOfTheEnumeration() => Assert.Equal(Enum.GetValues<TensorType>(), TensorFormat.All.Select(format => format.Type));

    [Fact]
    public void All_NumbersInGguf_DifferFromTypeToType()
    {
        Assert.Distinct(TensorFormat.All.Select(format => format.GgufNumber));
    }

    [Fact]
    public void All_BlocksAndPlanes_HoldTheSameBits() => Assert.All(TensorFormat.All, format =>
    {
        // Narrow scales of groups become bytes, so that planes may hold a little more.
        double file = (double)format.BlockBytes / format.BlockElements, planes = PlaneBytes(format.Planes) / PlaneUnits.ChunkColumns;
        Assert.InRange(planes, file, 1.04 * file);
    });

    private static double PlaneBytes(PlaneUnits units) => units.Quants + units.High + units.Scales + ((double)units.Block / PlaneUnits.BlockChunks);
}
