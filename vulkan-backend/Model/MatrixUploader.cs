using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors.Blocks;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Model;

/// <summary>
/// Packs rows of matrices into device memory as they come, a band of rows after the other: in place where the host sees that memory, else in a staging buffer
/// that is copied while the next band is packed into another one.
/// </summary>
internal sealed unsafe class MatrixUploader(GpuDevice device) : IDisposable
{
    private const int BandBytes = 8 << 20;

    private readonly StagingSlot[] _slots = [new(device), new(device)];
    private Band? _band;

    /// <summary>Packs rows. Those of one tensor come in order.</summary>
    /// <param name="matrix">Where they go.</param>
    /// <param name="row">The matrix's row that is the first one's place.</param>
    /// <param name="end">The matrix's row after the tensor's last one.</param>
    /// <param name="bytes">Whole rows, as a weight file stores them.</param>
    public void Write(PlacedMatrix matrix, int row, int end, ReadOnlySpan<byte> bytes)
    {
        int rowBytes = matrix.Layout.FileRowBytes;
        while (!bytes.IsEmpty)
        {
            _band ??= Begin(matrix, row, end);
            int count = Math.Min(bytes.Length / rowBytes, _band.End - row);
            WeightPacker.Pack(matrix.Layout, bytes[..(count * rowBytes)], row - _band.First, _band.Planes);
            bytes = bytes[(count * rowBytes)..];
            row += count;
            if (row == _band.End) Finish();
        }
    }

    /// <summary>Returns when all that was written is in device memory.</summary>
    public void Flush()
    {
        foreach (StagingSlot slot in _slots) slot.Wait();
    }

    public void Dispose()
    {
        foreach (StagingSlot slot in _slots) slot.Dispose();
    }

    private Band Begin(PlacedMatrix matrix, int row, int end)
    {
        (GpuBuffer buffer, MatrixPart part) = matrix.PartOf(row);
        WeightLayout layout = matrix.Layout;
        int rows = Math.Min(Math.Max(layout.TileRows, layout.RowsWithin(BandBytes)), Math.Min(end, part.FirstRow + part.Rows) - row);
        PlaneOffsets target = layout.Planes(part.Rows, row - part.FirstRow), lengths = layout.PlaneBytes(rows);
        if (buffer.IsHostVisible) return new Band(row, row + rows, PlanesAt(buffer, target, layout), () => { });

        (_slots[0], _slots[1]) = (_slots[1], _slots[0]);
        StagingSlot slot = _slots[0];
        PlaneOffsets source = layout.Planes(rows);
        return new Band(row, row + rows, PlanesAt(slot.Take(source.End), source, layout), () => slot.Send(source, buffer, target, lengths));
    }

    private void Finish()
    {
        _band!.Send();
        _band = null;
    }

    private static PackedPlanes PlanesAt(GpuBuffer buffer, in PlaneOffsets offsets, in WeightLayout layout)
    {
        fixed (byte* address = buffer.Span<byte>(0, 1)) return offsets.At(address, layout.TileRows);
    }

    /// <summary>Rows of one part that are packed together.</summary>
    private sealed record Band(int First, int End, PackedPlanes Planes, Action Send);
}
