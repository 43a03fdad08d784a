using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors.Blocks;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Model;

/// <summary>
/// Packs rows of matrices into device memory as they come, each thread those that it brings: in place where the host sees that memory, else in one of several staging
/// buffers that are copied while others are packed.
/// </summary>
/// <param name="device">The device.</param>
/// <param name="stagingBytes">Most bytes of all staging buffers together, but for a few.</param>
internal sealed unsafe class MatrixUploader(GpuDevice device, long stagingBytes) : IDisposable
{
    /// <summary>What is copied at once: enough that sending it costs little beside it.</summary>
    private const int BandBytes = 2 << 20;

    private readonly StagingSlots _slots = new(device, (int)Math.Min(stagingBytes / BandBytes, int.MaxValue), BandBytes);

    /// <summary>Packs rows. Several threads may bring rows of different tiles at once.</summary>
    /// <param name="matrix">Where they go.</param>
    /// <param name="row">The matrix's row that is the first one's place: a tile begins with it.</param>
    /// <param name="rows">Whole rows, as a weight file stores them: whole tiles, or all that are left of a tensor.</param>
    public void Write(PlacedMatrix matrix, int row, ReadOnlySpan<byte> rows)
    {
        WeightLayout layout = matrix.Layout;
        while (!rows.IsEmpty)
        {
            (GpuBuffer buffer, MatrixPart part) = matrix.PartOf(row);
            int count = Math.Min(rows.Length / layout.FileRowBytes, part.FirstRow + part.Rows - row);
            if (!buffer.IsHostVisible) count = Math.Min(count, Math.Max(layout.TileRows, layout.RowsWithin(BandBytes)));
            ReadOnlySpan<byte> band = rows[..(count * layout.FileRowBytes)];
            if (buffer.IsHostVisible) WeightPacker.Pack(layout, band, 0, PlanesAt(buffer, layout.Planes(part.Rows, row - part.FirstRow), layout));
            else Send(layout, band, count, buffer, layout.Planes(part.Rows, row - part.FirstRow));
            rows = rows[band.Length..];
            row += count;
        }
    }

    /// <summary>Returns when all that was written is in device memory.</summary>
    public void Flush() => _slots.Wait();

    public void Dispose() => _slots.Dispose();

    private void Send(in WeightLayout layout, ReadOnlySpan<byte> band, int count, GpuBuffer buffer, in PlaneOffsets target)
    {
        PlaneOffsets source = layout.Planes(count);
        StagingSlot slot = _slots.Take();
        try
        {
            WeightPacker.Pack(layout, band, 0, PlanesAt(slot.Buffer(source.End), source, layout));
            slot.Send(source, buffer, target, layout.PlaneBytes(count));
        }
        finally
        {
            _slots.Give(slot);
        }
    }

    private static PackedPlanes PlanesAt(GpuBuffer buffer, in PlaneOffsets offsets, in WeightLayout layout)
    {
        fixed (byte* address = buffer.Span<byte>(0, 1)) return offsets.At(address, layout.TileRows);
    }
}
