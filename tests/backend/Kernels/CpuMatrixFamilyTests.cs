using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Tests.Kernels;

/// <summary>What the kernels for CPU drivers take: a shape that they do not take falls to slower ones without a word.</summary>
public sealed class CpuMatrixFamilyTests(DeviceFixture fixture) : KernelTest(fixture)
{
    // Columns of the matrices of 2B, 9B and 27B, and of ones so small that a row is a chunk.
    private static readonly int[] _columns = [32, 256, 2048, 2304, 3584, 4096, 4608, 9216, 14336];

    [Fact]
    public void Supports_EveryTypeInGemmasShapes_Yes()
    {
        CpuMatrixFamily family = Family();
        foreach (TensorType type in Enum.GetValues<TensorType>())
            Assert.All(_columns.Where(n => n % type.BlockElements() == 0), n => Assert.True(family.Supports(Layout(type, n), RowKind.Decoding, matrices: 2), $"{type}, {n} columns"));
    }

    [Fact]
    public void Supports_LongestRows_OneMatrixAtATime()
    {
        WeightLayout down = Layout(TensorType.Q8_0, 36864); // of 27B

        Assert.True(Family().Supports(down, RowKind.Prompt, matrices: 1));
        Assert.False(Family().Supports(down, RowKind.Prompt, matrices: 2));
    }

    [Fact]
    public void FindSlice_TypesWithScalesOf256Columns_WholeOnes()
    {
        Assert.Equal(12, CpuMatrixFamily.FindSlice(new WeightLayout(TensorType.Q4_0, 2304, TileRows: 8), matrices: 1));
        Assert.Equal(8, CpuMatrixFamily.FindSlice(new WeightLayout(TensorType.Q4_K, 2304, TileRows: 8), matrices: 1));
    }

    private CpuMatrixFamily Family()
    {
        Assert.SkipUnless(Device.Description.Kind == DeviceKind.Software, "These kernels are for CPU drivers.");
        return Own(new CpuMatrixFamily(Device));
    }

    private WeightLayout Layout(TensorType type, int columns) => new(type, columns, MatrixKernels.TileRows(Device.Description));
}
