using System.Numerics.Tensors;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Adapters;

/// <summary>An adapter's weight file: its header is read, its data comes next.</summary>
/// <param name="stream">The file.</param>
/// <param name="label">The adapter's and the file's name, for messages.</param>
/// <param name="position">Where the header ends.</param>
/// <param name="tensors">Its tensors in the order of their data, which do not overlap.</param>
internal sealed class AdapterFile(ModelFileStream stream, string label, long position, IReadOnlyList<TensorEntry> tensors)
{
    /// <summary>The adapter's and the file's name.</summary>
    public string Label => label;

    /// <summary>Its tensors in the order of their data.</summary>
    public IReadOnlyList<TensorEntry> Tensors => tensors;

    /// <summary>Reads all of its matrices.</summary>
    /// <exception cref="ModelException">The file is cut or damaged, or a number is not finite.</exception>
    public async Task<IReadOnlyDictionary<TensorEntry, AdapterMatrix>> ReadAsync(CancellationToken cancellationToken)
    {
        Dictionary<TensorEntry, AdapterMatrix> matrices = [];
        foreach (TensorEntry tensor in tensors)
        {
            await ModelStream.ReadAsync(stream, new byte[tensor.Offset - position], label, cancellationToken).ConfigureAwait(false);
            List<byte[]> rows = [];
            long most = AdapterMatrix.RowsInPart(tensor.Type, tensor.Shape[^1]) * tensor.RowBytes;
            for (position = tensor.Offset; position < tensor.Offset + tensor.Length; position += rows[^1].Length)
            {
                rows.Add(new byte[Math.Min(most, tensor.Offset + tensor.Length - position)]);
                await ModelStream.ReadAsync(stream, rows[^1], label, cancellationToken).ConfigureAwait(false);
                CheckFinite(tensor, rows[^1]);
            }
            matrices.Add(tensor, new AdapterMatrix(tensor.Type, tensor.Shape[^1], rows));
        }
        return matrices;
    }

    /// <summary>The error for a tensor of this file.</summary>
    public ModelException Error(TensorEntry tensor, string message) => new($"{label}: {ModelJson.Show(tensor.Name)} {message}");

    private void CheckFinite(TensorEntry tensor, ReadOnlySpan<byte> bytes)
    {
        Span<float> numbers = stackalloc float[AdapterMatrix.Step];
        int rowBytes = (int)tensor.Type.RowBytes(AdapterMatrix.Step);
        for (; !bytes.IsEmpty; bytes = bytes[Math.Min(rowBytes, bytes.Length)..])
        {
            ReadOnlySpan<byte> part = bytes[..Math.Min(rowBytes, bytes.Length)];
            Span<float> read = numbers[..(part.Length / tensor.Type.BlockBytes() * tensor.Type.BlockElements())];
            BlockCodec.Dequantize(tensor.Type, part, read);
            if (!float.IsFinite(TensorPrimitives.MaxMagnitude<float>(read))) throw Error(tensor, "holds a number that is not finite.");
        }
    }
}
