using Gemma2.Backend.Device;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Kernels.Matrix;

/// <summary>
/// Kernels that multiply with weights in device order, shaped for one kind of device. Pipelines are made when they are first needed.
/// A row's sum has the same bits whatever else is computed beside it.
/// </summary>
internal interface IMatrixFamily : IDisposable
{
    /// <summary>Whether rows of either kind have the same bits, so that they can be multiplied together.</summary>
    bool TreatsKindsAlike { get; }

    /// <summary>Whether the family multiplies with such a matrix.</summary>
    /// <param name="layout">Type, columns and tile of the matrix.</param>
    /// <param name="kind">Kind of the rows of activations.</param>
    /// <param name="matrices">1, or 2 for gate and up.</param>
    bool Supports(in WeightLayout layout, RowKind kind, int matrices);

    /// <summary>Records y = x W^T.</summary>
    /// <param name="commands">Where to record.</param>
    /// <param name="layout">How the part lies in memory.</param>
    /// <param name="w">[rows, columns].</param>
    /// <param name="x">[rows, columns].</param>
    /// <param name="y">[rows, rows of w]: the columns of this part.</param>
    /// <param name="rows">Kind and number of the rows of activations.</param>
    void Record(CommandRecorder commands, in WeightLayout layout, in MatrixPart w, in Activation x, in Activation y, RowGroup rows);

    /// <summary>Records u = gelu(x Wg^T) * (x Wu^T).</summary>
    /// <param name="commands">Where to record.</param>
    /// <param name="layout">How both parts lie in memory.</param>
    /// <param name="gate">[rows, columns].</param>
    /// <param name="up">[rows, columns].</param>
    /// <param name="x">[rows, columns].</param>
    /// <param name="u">[rows, rows of w]: the columns of these parts.</param>
    /// <param name="rows">Kind and number of the rows of activations.</param>
    void RecordGeglu(CommandRecorder commands, in WeightLayout layout, in MatrixPart gate, in MatrixPart up, in Activation x, in Activation u, RowGroup rows);
}
