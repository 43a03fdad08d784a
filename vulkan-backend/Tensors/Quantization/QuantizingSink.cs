using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Tensors.Quantization;

/// <summary>Passes tensors on in other types: quantizes, or makes floats of another width, on all processors.</summary>
/// <param name="next">Takes the tensors as they are then.</param>
/// <param name="typeOf">The type that a tensor is to have.</param>
internal sealed class QuantizingSink(ITensorSink next, Func<TensorEntry, TensorType> typeOf) : ITensorSink
{
    /// <summary>Numbers that one processor converts at a time: they and their blocks stay in its cache.</summary>
    private const int PartNumbers = 1 << 14;

    private readonly Dictionary<TensorEntry, TensorEntry> _converted = [];
    private byte[] _source = [], _target = [];

    /// <inheritdoc/>
    /// <exception cref="ModelException">A tensor is quantized already, and is to have another quantized type.</exception>
    public void Begin(IReadOnlyList<TensorEntry> tensors)
    {
        foreach (TensorEntry tensor in tensors) _converted.Add(tensor, TensorConversion.Of(tensor, typeOf(tensor)));
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

        int columns = (int)tensor.Shape[^1], rows = (int)(bytes.Length / tensor.Type.RowBytes(columns));
        int length = (int)(rows * converted.Type.RowBytes(columns));
        if (_source.Length < bytes.Length) _source = new byte[bytes.Length];
        if (_target.Length < length) _target = new byte[length];
        bytes.CopyTo(_source);
        ConvertRows(tensor, converted.Type, rows, columns);
        next.Write(converted, byteOffset / tensor.Type.RowBytes(columns) * converted.Type.RowBytes(columns), _target.AsSpan(0, length));
    }

    private void ConvertRows(TensorEntry tensor, TensorType type, int rows, int columns)
    {
        int rowsAtOnce = Math.Max(1, PartNumbers / columns);
        try
        {
            Parallel.For(0, (rows + rowsAtOnce - 1) / rowsAtOnce, () => new float[rowsAtOnce * columns], (part, _, values) =>
            {
                int first = part * rowsAtOnce, count = Math.Min(rowsAtOnce, rows - first);
                Span<float> numbers = values.AsSpan(0, count * columns);
                BlockCodec.Dequantize(tensor.Type, Rows(_source, tensor.Type, first, count, columns), numbers);
                BlockCodec.Quantize(type, numbers, Rows(_target, type, first, count, columns));
                return values;
            }, _ => { });
        }
        catch (AggregateException errors) when (errors.InnerException is ModelException error)
        {
            throw new ModelException($"{tensor.File}: {tensor.Name} {error.Message}", error);
        }
    }

    private static Span<byte> Rows(byte[] bytes, TensorType type, int first, int count, int columns)
    {
        int rowBytes = (int)type.RowBytes(columns);
        return bytes.AsSpan(first * rowBytes, count * rowBytes);
    }
}
