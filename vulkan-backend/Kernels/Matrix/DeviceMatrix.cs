using System.Runtime.InteropServices;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Kernels.Matrix;

/// <summary>A matrix of weights in device memory: [Rows, Columns], its rows in one or several parts because no allocation may be as large as the whole.</summary>
/// <param name="Layout">How the rows of each part lie there.</param>
/// <param name="Parts">The parts from the first row to the last.</param>
internal sealed record DeviceMatrix(WeightLayout Layout, IReadOnlyList<MatrixPart> Parts)
{
    /// <summary>How the numbers are stored.</summary>
    public TensorType Type => Layout.Type;

    /// <summary>Numbers in a row.</summary>
    public int Columns => Layout.Columns;

    /// <summary>Rows of all parts.</summary>
    public int Rows => Parts[^1].FirstRow + Parts[^1].Rows;
}

/// <summary>Rows of a matrix that lie in one allocation, packed on their own.</summary>
/// <param name="Address">Where the first plane begins.</param>
/// <param name="FirstRow">The matrix's row that is this part's first.</param>
/// <param name="Rows">Number of rows.</param>
internal readonly record struct MatrixPart(ulong Address, int FirstRow, int Rows)
{
    /// <summary>Where the planes begin.</summary>
    public WeightAddresses Planes(in WeightLayout layout)
    {
        PlaneOffsets offsets = layout.Planes(Rows);
        return new WeightAddresses(Address, Address + (ulong)offsets.High, Address + (ulong)offsets.Scales, Address + (ulong)offsets.Blocks);
    }
}

/// <summary>Push constants: where the planes of a part begin. <c>Weights</c> in weights.glsl.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct WeightAddresses(ulong Quants, ulong High, ulong Scales, ulong Blocks);
