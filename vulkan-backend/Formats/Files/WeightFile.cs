using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Files;

/// <summary>One open weight file: its header is read, its data comes next.</summary>
/// <param name="stream">The file, read to <paramref name="position"/>; closed with this.</param>
/// <param name="label">The model's and the file's name, for messages.</param>
/// <param name="tensors">The file's tensors in the order of their data, which do not overlap.</param>
/// <param name="position">Bytes read so far.</param>
/// <param name="length">The file's length in bytes.</param>
internal sealed class WeightFile(Stream stream, string label, IReadOnlyList<TensorEntry> tensors, long position, long length) : IAsyncDisposable
{
    private long _position = position;

    /// <summary>The file's tensors in the order of their data.</summary>
    public IReadOnlyList<TensorEntry> Tensors => tensors;

    /// <summary>Reads the data to the file's last byte, piece by piece; what lies between tensors is passed over.</summary>
    /// <param name="buffer">Holds one piece at a time: at least a row.</param>
    /// <param name="take">Takes a tensor, where in it the piece begins, and the piece: whole rows.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="ModelException">The file is shorter or longer than listed, or its source found it damaged.</exception>
    public async Task ReadDataAsync(Memory<byte> buffer, Action<TensorEntry, long, ReadOnlyMemory<byte>> take, CancellationToken cancellationToken)
    {
        foreach (TensorEntry tensor in Tensors)
        {
            await PassOverAsync(tensor.Offset, buffer, cancellationToken);
            long row = tensor.Type.RowBytes(tensor.Shape[^1]), rows = buffer.Length / row * row;
            for (long offset = 0; offset < tensor.Length; offset += rows)
                take(tensor, offset, await ReadAsync(buffer[..(int)Math.Min(rows, tensor.Length - offset)], cancellationToken));
        }

        await PassOverAsync(length, buffer, cancellationToken);
        await ModelStream.ReadEndAsync(stream, label, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => stream.DisposeAsync();

    private async Task PassOverAsync(long end, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (_position < end) await ReadAsync(buffer[..(int)Math.Min(buffer.Length, end - _position)], cancellationToken);
    }

    private async Task<ReadOnlyMemory<byte>> ReadAsync(Memory<byte> piece, CancellationToken cancellationToken)
    {
        await ModelStream.ReadAsync(stream, piece, label, cancellationToken);
        _position += piece.Length;
        return piece;
    }
}
