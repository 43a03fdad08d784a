using System.Runtime.InteropServices;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Adapters;

/// <summary>A matrix of an adapter, in memory as its file has it. One array holds 2 GB at most, so that rows lie in several.</summary>
/// <param name="type">How its numbers are stored.</param>
/// <param name="columns">Numbers in a row.</param>
/// <param name="parts">All rows: as many as <see cref="RowsInPart"/> in each part but the last.</param>
internal sealed class AdapterMatrix(TensorType type, long columns, IReadOnlyList<byte[]> parts)
{
    /// <summary>Columns that <see cref="Read"/> takes begin at multiples of this.</summary>
    public const int Step = 256;

    private const int PartBytes = 1 << 28;

    private readonly long _rowsInPart = RowsInPart(type, columns);

    private TensorType Type => type;

    private IReadOnlyList<byte[]> Parts => parts;

    /// <summary>Its rows.</summary>
    public long Rows => parts.Sum(part => part.Length / type.RowBytes(columns));

    /// <summary>How many rows lie in one array.</summary>
    public static long RowsInPart(TensorType type, long columns) => Math.Max(1, PartBytes / type.RowBytes(columns));

    /// <summary>Reads a part of a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="column">Where the part begins: a multiple of <see cref="Step"/>.</param>
    /// <param name="numbers">Takes the part: it ends at a multiple of <see cref="Step"/>, or at the row's end.</param>
    /// <param name="scratch">As many numbers, for use on the way.</param>
    public void Read(long row, int column, Span<double> numbers, Span<float> scratch)
    {
        long at = (row % _rowsInPart * type.RowBytes(columns)) + type.RowBytes(column);
        BlockCodec.Dequantize(type, parts[(int)(row / _rowsInPart)].AsSpan((int)at, (int)type.RowBytes(numbers.Length)), scratch[..numbers.Length]);
        for (int i = 0; i < numbers.Length; i++) numbers[i] = scratch[i];
    }

    /// <summary>Its columns as rows, in float32.</summary>
    public AdapterMatrix Transposed()
    {
        long rows = Rows, rowsInPart = RowsInPart(TensorType.F32, rows);
        List<byte[]> turned = [];
        for (long first = 0; first < columns; first += rowsInPart) turned.Add(new byte[Math.Min(rowsInPart, columns - first) * rows * sizeof(float)]);
        float[] scratch = new float[columns];
        double[] numbers = new double[columns];
        for (long row = 0; row < rows; row++)
        {
            Read(row, 0, numbers, scratch);
            for (long column = 0; column < columns; column++)
                MemoryMarshal.Cast<byte, float>(turned[(int)(column / rowsInPart)].AsSpan())[(int)((column % rowsInPart * rows) + row)] = scratch[column];
        }
        return new AdapterMatrix(TensorType.F32, rows, turned);
    }

    /// <summary>Whether another one of the same shape is stored as the same bytes.</summary>
    public bool IsSameAs(AdapterMatrix other) => type == other.Type && parts.Zip(other.Parts).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second));
}
