using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Files;

/// <summary>One open weight file: its header is read, its data comes next, in blocks.</summary>
/// <param name="file">The file.</param>
/// <param name="stream">The same file, read to the header's end; closed with this.</param>
/// <param name="model">The model's name, for messages.</param>
/// <param name="name">The file's name.</param>
/// <param name="tensors">The file's tensors in the order of their data, which do not overlap.</param>
/// <param name="length">The file's length in bytes, as it was listed.</param>
internal sealed class WeightFile(IModelFile file, ModelFileStream stream, string model, string name, IReadOnlyList<TensorEntry> tensors, long length) : IAsyncDisposable
{
    /// <summary>The file's name.</summary>
    public string Name => name;

    /// <summary>The tensors that are read, in the order of their data.</summary>
    public IReadOnlyList<TensorEntry> Tensors { get; private set; } = tensors;

    /// <summary>Bytes of a block.</summary>
    public int BlockBytes => file.BlockBytes;

    /// <summary>What the block in which the header ends holds behind it; it was read with the header.</summary>
    public ReadOnlyMemory<byte> Rest => stream.Rest;

    /// <summary>Where <see cref="Rest"/> begins.</summary>
    public long RestOffset => stream.Position;

    /// <summary>Where the blocks begin that are yet to be read.</summary>
    public IEnumerable<long> Blocks
    {
        get
        {
            for (long offset = RestOffset + Rest.Length; offset < length; offset += BlockBytes) yield return offset;
        }
    }

    /// <summary>Passes over the data of some tensors when it comes.</summary>
    public void LeaveAside(Predicate<TensorEntry> which) => Tensors = [.. Tensors.Where(tensor => !which(tensor))];

    /// <summary>Bytes of the block that begins at an offset.</summary>
    public int LengthAt(long offset) => (int)Math.Min(BlockBytes, length - offset);

    /// <exception cref="ModelException">The file is shorter or longer than it was listed.</exception>
    public void CheckLength()
    {
        if (file.Length < length) throw new ModelException($"{model}/{name}: ends before its listed length.");
        if (file.Length > length) throw new ModelException($"{model}/{name}: is longer than its listed length.");
    }

    /// <summary>Reads a block. Several may be read at once.</summary>
    /// <exception cref="ModelException">The file cannot be read, or its source found it damaged.</exception>
    public async ValueTask ReadAsync(long offset, Memory<byte> block, CancellationToken cancellationToken)
    {
        try
        {
            await file.ReadAsync(offset, block, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException error)
        {
            throw new ModelException($"{model}/{name}: cannot be read: {error.Message}", error);
        }
    }

    /// <summary><see cref="Rest"/> is needed no more.</summary>
    public void Forget() => stream.Forget();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => stream.DisposeAsync();
}
