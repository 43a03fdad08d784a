using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Adapters;

/// <summary>A matrix of an adapter, in memory as its file has it.</summary>
/// <param name="type">How its numbers are stored.</param>
/// <param name="columns">Numbers in a row.</param>
/// <param name="bytes">All rows.</param>
internal sealed class AdapterMatrix(TensorType type, long columns, byte[] bytes)
{
    /// <summary>Columns that <see cref="Read"/> takes begin at multiples of this.</summary>
    public const int Step = 256;

    /// <summary>Its rows.</summary>
    public long Rows => bytes.Length / type.RowBytes(columns);

    /// <summary>Reads a part of a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="column">Where the part begins: a multiple of <see cref="Step"/>.</param>
    /// <param name="numbers">Takes the part: it ends at a multiple of <see cref="Step"/>, or at the row's end.</param>
    /// <param name="scratch">As many numbers, for use on the way.</param>
    public void Read(long row, int column, Span<double> numbers, Span<float> scratch)
    {
        long at = (row * type.RowBytes(columns)) + type.RowBytes(column);
        BlockCodec.Dequantize(type, bytes.AsSpan((int)at, (int)type.RowBytes(numbers.Length)), scratch[..numbers.Length]);
        for (int i = 0; i < numbers.Length; i++) numbers[i] = scratch[i];
    }
}
