using System.Buffers.Binary;

namespace Gemma2.Backend.Weights;

/// <summary>One open safetensors file: its header is read, its data comes next.</summary>
internal sealed class WeightFile : IAsyncDisposable
{
    private readonly Stream _stream;
    private readonly string _label;

    private WeightFile(Stream stream, string label, IReadOnlyList<TensorEntry> tensors) => (_stream, _label, Tensors) = (stream, label, tensors);

    /// <summary>The file's tensors in the order of their data.</summary>
    public IReadOnlyList<TensorEntry> Tensors { get; }

    /// <summary>Opens a file and reads its header.</summary>
    /// <param name="source">The model.</param>
    /// <param name="file">The file's name.</param>
    /// <param name="length">Its length in bytes as the source lists it.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="ModelException">The file is cut short, or its header is wrong.</exception>
    public static async Task<WeightFile> OpenAsync(IModelSource source, string file, long length, CancellationToken cancellationToken)
    {
        string label = $"{source.Name}/{file}";
        if (length < SafetensorsHeader.PrefixLength) throw new ModelException($"{label}: is {length} bytes long: this is not a safetensors file.");
        Stream stream = await source.OpenAsync(file, cancellationToken);
        try
        {
            byte[] prefix = new byte[SafetensorsHeader.PrefixLength];
            await ModelStream.ReadAsync(stream, prefix, label, cancellationToken);
            byte[] header = new byte[SafetensorsHeader.CheckLength(BinaryPrimitives.ReadUInt64LittleEndian(prefix), length, source.Name, file)];
            await ModelStream.ReadAsync(stream, header, label, cancellationToken);
            return new WeightFile(stream, label, SafetensorsHeader.Parse(header, length, source.Name, file));
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>Reads the data to the file's last byte, piece by piece.</summary>
    /// <param name="buffer">Holds one piece at a time; its length is a multiple of 4.</param>
    /// <param name="take">Takes a tensor, where in it the piece begins, and the piece.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="ModelException">The file is shorter or longer than listed, or its source found it damaged.</exception>
    public async Task ReadDataAsync(Memory<byte> buffer, Action<TensorEntry, long, ReadOnlyMemory<byte>> take, CancellationToken cancellationToken)
    {
        foreach (TensorEntry tensor in Tensors)
        {
            for (long offset = 0; offset < tensor.Length; offset += buffer.Length)
            {
                Memory<byte> piece = buffer[..(int)Math.Min(buffer.Length, tensor.Length - offset)];
                await ModelStream.ReadAsync(_stream, piece, _label, cancellationToken);
                take(tensor, offset, piece);
            }
        }

        await ModelStream.ReadEndAsync(_stream, _label, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _stream.DisposeAsync();
}
