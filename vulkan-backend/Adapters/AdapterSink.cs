using System.Buffers;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Adapters;

/// <summary>
/// Passes tensors on, those that adapters change with what these add. Each piece is worked on by the thread that brings it, whichever comes first. All that is added to a
/// number is summed in double precision, in the order of the adapters, and the result is rounded once to float32, then to the type that is passed on.
/// </summary>
/// <param name="next">Takes the tensors.</param>
/// <param name="adapters">What is added.</param>
/// <param name="widens">Pass on what is changed as float32, for somebody who quantizes it; else in the type that it came in.</param>
internal sealed class AdapterSink(ITensorSink next, AdapterSet adapters, bool widens) : ITensorSink
{
    /// <summary>Numbers of a row that are summed at a time: whole blocks of every type, and what is added to them stays in the processor's cache.</summary>
    private const int PartColumns = 512;

    private readonly Dictionary<TensorEntry, Output[]> _outputs = [];

    /// <inheritdoc/>
    public bool KeepsOrder => next.KeepsOrder;

    /// <inheritdoc/>
    public void Begin(IReadOnlyList<TensorEntry> tensors)
    {
        foreach (TensorEntry tensor in tensors) _outputs.Add(tensor, [.. adapters.TensorsOf([tensor]).Select(OutputOf)]);
        next.Begin([.. tensors.SelectMany(tensor => _outputs[tensor]).Select(output => output.Passed)]);
    }

    /// <inheritdoc/>
    /// <exception cref="ModelException">A sum is too large for the type.</exception>
    public void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        foreach (Output output in _outputs[tensor])
        {
            if (output.Updates.Count == 0) next.Write(output.Passed, byteOffset, bytes);
            else WriteChanged(tensor, output, byteOffset, bytes);
        }
    }

    private Output OutputOf(TensorEntry tensor)
    {
        IReadOnlyList<AdapterUpdate> updates = adapters.Of(tensor.Name);
        return new Output(updates.Count > 0 && widens ? Widened(tensor) : tensor, updates);
    }

    private void WriteChanged(TensorEntry tensor, Output output, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        TensorEntry passed = output.Passed;
        long firstRow = byteOffset / tensor.RowBytes, rows = bytes.Length / tensor.RowBytes;
        byte[] target = ArrayPool<byte>.Shared.Rent((int)(rows * passed.RowBytes));
        try
        {
            Span<byte> rowsThen = target.AsSpan(0, (int)(rows * passed.RowBytes));
            Add(tensor, output, firstRow, (int)rows, bytes, rowsThen);
            next.Write(passed, firstRow * passed.RowBytes, rowsThen);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(target);
        }
    }

    private static void Add(TensorEntry tensor, Output output, long firstRow, int rows, ReadOnlySpan<byte> from, Span<byte> to)
    {
        TensorType type = output.Passed.Type;
        int columns = (int)tensor.Shape[^1];
        using RowChanges changes = new(output.Updates, firstRow, rows, PartColumns, tensor.HoldsFactor);
        Span<float> numbers = stackalloc float[PartColumns];
        Span<double> sums = stackalloc double[PartColumns];
        for (int column = 0; column < columns; column += PartColumns)
        {
            int count = Math.Min(PartColumns, columns - column);
            changes.ReadColumns(column, count);
            int fromBytes = (int)tensor.Type.RowBytes(count), toBytes = (int)type.RowBytes(count);
            for (int row = 0; row < rows; row++)
            {
                int fromAt = (int)((row * tensor.RowBytes) + tensor.Type.RowBytes(column)), toAt = (int)((row * type.RowBytes(columns)) + type.RowBytes(column));
                BlockCodec.Dequantize(tensor.Type, from.Slice(fromAt, fromBytes), numbers[..count]);
                for (int i = 0; i < count; i++) sums[i] = numbers[i];
                changes.AddTo(row, numbers[..count], sums[..count]);
                for (int i = 0; i < count; i++) numbers[i] = (float)sums[i];
                Store(output.Passed, numbers[..count], to.Slice(toAt, toBytes));
            }
        }
    }

    private static void Store(TensorEntry tensor, ReadOnlySpan<float> numbers, Span<byte> to)
    {
        try
        {
            BlockCodec.Quantize(tensor.Type, numbers, to);
        }
        catch (ModelException error)
        {
            throw new ModelException($"{tensor.File}: {tensor.Name} with the adapters added {error.Message}", error);
        }
    }

    private static TensorEntry Widened(TensorEntry tensor) =>
        tensor with { Type = TensorType.F32, Length = tensor.Shape.Aggregate((long)sizeof(float), (product, dimension) => product * dimension) };

    /// <summary>A tensor that is passed on.</summary>
    /// <param name="Passed">As it is then.</param>
    /// <param name="Updates">What is added to it; nothing leaves its bytes as they are.</param>
    private sealed record Output(TensorEntry Passed, IReadOnlyList<AdapterUpdate> Updates);
}
