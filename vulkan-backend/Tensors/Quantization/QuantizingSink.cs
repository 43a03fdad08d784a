using System.Buffers;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Tensors.Quantization;

/// <summary>Passes tensors on in other types: quantizes, or makes floats of another width. Each piece is converted by the thread that brings it.</summary>
/// <param name="next">Takes the tensors as they are then.</param>
/// <param name="typeOf">The type that a tensor is to have.</param>
/// <param name="importanceOf">How much each column of a matrix counts, where something is known; null: nothing is known.</param>
/// <param name="allowRequantize">Quantize again what is quantized already.</param>
internal sealed class QuantizingSink(
    ITensorSink next, Func<TensorEntry, TensorType> typeOf, Func<TensorEntry, float[]?>? importanceOf = null, bool allowRequantize = false) : ITensorSink
{
    /// <summary>Numbers that are converted at a time: they and their blocks stay in the processor's cache.</summary>
    private const int PartNumbers = 1 << 14;

    private readonly Dictionary<TensorEntry, TensorEntry> _converted = [];

    /// <inheritdoc/>
    public bool KeepsOrder => next.KeepsOrder;

    /// <inheritdoc/>
    /// <exception cref="ModelException">A tensor is quantized already, and is to have another quantized type.</exception>
    public void Begin(IReadOnlyList<TensorEntry> tensors)
    {
        foreach (TensorEntry tensor in tensors) _converted.Add(tensor, TensorConversion.Of(tensor, typeOf(tensor), allowRequantize));
        next.Begin([.. tensors.Select(tensor => _converted[tensor])]);
    }

    /// <inheritdoc/>
    /// <exception cref="ModelException">A number is not finite, or too large for the type.</exception>
    public void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        TensorEntry converted = _converted[tensor];
        if (converted.Type == tensor.Type)
        {
            next.Write(converted, byteOffset, bytes);
            return;
        }
        long rows = bytes.Length / tensor.RowBytes;
        byte[] target = ArrayPool<byte>.Shared.Rent((int)(rows * converted.RowBytes));
        try
        {
            Span<byte> rowsThen = target.AsSpan(0, (int)(rows * converted.RowBytes));
            Convert(tensor, converted, importanceOf?.Invoke(tensor), bytes, rowsThen);
            next.Write(converted, byteOffset / tensor.RowBytes * converted.RowBytes, rowsThen);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(target);
        }
    }

    private static void Convert(TensorEntry tensor, TensorEntry converted, float[]? importance, ReadOnlySpan<byte> from, Span<byte> to)
    {
        // Rows are whole blocks of either type, and so are parts of them: blocks have at most 256 numbers. Columns that count differently go row by row.
        int partNumbers = importance?.Length ?? PartNumbers;
        int fromBytes = (int)tensor.Type.RowBytes(partNumbers), toBytes = (int)converted.Type.RowBytes(partNumbers);
        float[] numbers = ArrayPool<float>.Shared.Rent(partNumbers);
        try
        {
            for (; !from.IsEmpty; from = from[fromBytes..], to = to[toBytes..])
            {
                (fromBytes, toBytes) = (Math.Min(fromBytes, from.Length), Math.Min(toBytes, to.Length));
                Span<float> part = numbers.AsSpan(0, fromBytes / tensor.Type.BlockBytes() * tensor.Type.BlockElements());
                BlockCodec.Dequantize(tensor.Type, from[..fromBytes], part);
                BlockCodec.Quantize(converted.Type, part, importance, to[..toBytes]);
            }
        }
        catch (ModelException error)
        {
            throw new ModelException($"{tensor.File}: {tensor.Name} {error.Message}", error);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(numbers);
        }
    }
}
