using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Model;

/// <summary>A matrix whose memory is taken: one buffer, or several where one allocation may not be as large as the whole.</summary>
internal sealed class PlacedMatrix
{
    private readonly List<(GpuBuffer Buffer, MatrixPart Part)> _parts = [];

    /// <param name="device">Gives the memory.</param>
    /// <param name="layout">How the rows will lie.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="maxBytes">Largest allocation.</param>
    /// <param name="purpose">For the message when there is not enough memory.</param>
    public PlacedMatrix(GpuDevice device, WeightLayout layout, int rows, long maxBytes, string purpose)
    {
        Layout = layout;
        int most = layout.Bytes(rows) <= maxBytes ? rows : Math.Max(layout.TileRows, layout.RowsWithin(maxBytes));
        for (int first = 0; first < rows; first += most)
        {
            int count = Math.Min(most, rows - first);
            GpuBuffer buffer = device.Allocate(layout.Bytes(count), MemoryKind.Weights, purpose);
            _parts.Add((buffer, new MatrixPart(buffer.Address, first, count)));
        }
    }

    public WeightLayout Layout { get; }

    public IEnumerable<GpuBuffer> Buffers => _parts.Select(part => part.Buffer);

    /// <summary>The part that holds a row.</summary>
    public (GpuBuffer Buffer, MatrixPart Part) PartOf(int row) => _parts.FindLast(part => part.Part.FirstRow <= row);

    public DeviceMatrix ToDeviceMatrix() => new(Layout, [.. _parts.Select(part => part.Part)]);
}
