using System.IO.Hashing;
using System.Text;

namespace Gemma2.Backend.Tensors;

/// <summary>Passes tensors on and hashes their bytes on the way. The hash is not one that withstands forgery: it tells models apart, and is as fast as reading.</summary>
/// <param name="next">Takes the tensors.</param>
internal sealed class HashingSink(ITensorSink next) : ITensorSink
{
    private readonly SortedDictionary<string, (TensorEntry Tensor, XxHash128 Hash)> _hashes = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public void Begin(IReadOnlyList<TensorEntry> tensors)
    {
        foreach (TensorEntry tensor in tensors) _hashes.Add(tensor.Name, (tensor, new XxHash128()));
        next.Begin(tensors);
    }

    /// <inheritdoc/>
    public void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        _hashes[tensor.Name].Hash.Append(bytes);
        next.Write(tensor, byteOffset, bytes);
    }

    /// <summary>Call when all tensors have been written: the hash of their names, types, shapes and bytes, whatever files they came in and in which order.</summary>
    public string Hash()
    {
        var all = new XxHash128();
        foreach ((TensorEntry tensor, XxHash128 hash) in _hashes.Values)
            all.Append(Encoding.UTF8.GetBytes($"{tensor.Name} {tensor.Type} {string.Join('x', tensor.Shape)} {tensor.HoldsFactor} {Hex(hash)}\n"));
        return Hex(all);
    }

    private static string Hex(XxHash128 hash) => Convert.ToHexStringLower(hash.GetCurrentHash());
}
