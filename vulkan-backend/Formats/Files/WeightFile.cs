using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Files;

/// <summary>One open weight file: its header is read, its data comes next.</summary>
/// <param name="stream">The file, read to <paramref name="position"/>; closed with this.</param>
/// <param name="label">The model's and the file's name, for messages.</param>
/// <param name="tensors">The file's tensors in the order of their data, which do not overlap.</param>
/// <param name="position">Bytes read so far.</param>
/// <param name="length">The file's length in bytes.</param>
internal sealed class WeightFile(ModelFileStream stream, string label, IReadOnlyList<TensorEntry> tensors, long position, long length) : IAsyncDisposable
{
    private long _position = position;

    /// <summary>The file's tensors in the order of their data.</summary>
    public IReadOnlyList<TensorEntry> Tensors => tensors;

    /// <summary>
    /// Reads the data to the file's last byte, piece by piece; what lies between tensors is passed over. While one piece is taken, the next is read.
    /// </summary>
    /// <param name="buffers">Two, each of which holds one piece at a time: at least a row.</param>
    /// <param name="take">Takes a tensor, where in it the piece begins, and the piece: whole rows.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="ModelException">The file is shorter or longer than listed, or its source found it damaged.</exception>
    public async Task ReadDataAsync((Memory<byte> First, Memory<byte> Second) buffers, Action<TensorEntry, long, ReadOnlyMemory<byte>> take, CancellationToken cancellationToken)
    {
        (Memory<byte> buffer, Memory<byte> other) = buffers;
        using IEnumerator<Piece> pieces = Pieces(buffer.Length).GetEnumerator();
        Task<ReadPiece?> reading = ReadNextAsync(pieces, buffer, cancellationToken);
        while (await reading is { } read)
        {
            (buffer, other) = (other, buffer);
            reading = ReadNextAsync(pieces, buffer, cancellationToken);
            try
            {
                cancellationToken.ThrowIfCancellationRequested();
                take(read.Piece.Tensor, read.Piece.Offset, read.Bytes);
            }
            catch
            {
                // The file is not closed, nor the buffer used again, under a read.
                await ((Task)reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                throw;
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => stream.DisposeAsync();

    private IEnumerable<Piece> Pieces(int most)
    {
        foreach (TensorEntry tensor in Tensors)
        {
            long row = tensor.Type.RowBytes(tensor.Shape[^1]), rows = most / row * row;
            for (long offset = 0; offset < tensor.Length; offset += rows) yield return new Piece(tensor, offset, (int)Math.Min(rows, tensor.Length - offset));
        }
    }

    /// <returns>Null at the file's end.</returns>
    private async Task<ReadPiece?> ReadNextAsync(IEnumerator<Piece> pieces, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (pieces.MoveNext())
        {
            Piece piece = pieces.Current;
            await PassOverAsync(piece.Tensor.Offset + piece.Offset, buffer, cancellationToken);
            return new ReadPiece(piece, await ReadAsync(buffer[..piece.Length], cancellationToken));
        }
        await PassOverAsync(length, buffer, cancellationToken);
        await ModelStream.ReadEndAsync(stream, label, cancellationToken);
        return null;
    }

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

    /// <summary>Rows of a tensor that are read at once.</summary>
    private readonly record struct Piece(TensorEntry Tensor, long Offset, int Length);

    private readonly record struct ReadPiece(Piece Piece, ReadOnlyMemory<byte> Bytes);
}
