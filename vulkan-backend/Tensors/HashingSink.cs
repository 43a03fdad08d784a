using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;

namespace Gemma2.Backend.Tensors;

/// <summary>
/// Passes tensors on and hashes their bytes on the way: each group of rows by itself, so that it does not matter in which order and in which pieces they come. The hash is
/// not one that withstands forgery: it tells models apart, and is as fast as reading.
/// </summary>
/// <param name="next">Takes the tensors.</param>
internal sealed class HashingSink(ITensorSink next) : ITensorSink
{
    private readonly SortedDictionary<string, (TensorEntry Tensor, UInt128[] Groups)> _hashes = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public bool KeepsOrder => next.KeepsOrder;

    /// <inheritdoc/>
    public void Begin(IReadOnlyList<TensorEntry> tensors)
    {
        foreach (TensorEntry tensor in tensors) _hashes.Add(tensor.Name, (tensor, new UInt128[(tensor.Length + tensor.GroupBytes - 1) / tensor.GroupBytes]));
        next.Begin(tensors);
    }

    /// <inheritdoc/>
    public void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        Span<UInt128> groups = _hashes[tensor.Name].Groups.AsSpan((int)(byteOffset / tensor.GroupBytes));
        int groupBytes = (int)tensor.GroupBytes;
        for (int group = 0, at = 0; at < bytes.Length; group++, at += groupBytes)
            groups[group] = XxHash128.HashToUInt128(bytes.Slice(at, Math.Min(groupBytes, bytes.Length - at)));
        next.Write(tensor, byteOffset, bytes);
    }

    /// <summary>Call when all tensors have been written: the hash of their names, types, shapes and bytes, whatever files they came in and in which order.</summary>
    public string Hash()
    {
        var all = new XxHash128();
        foreach ((TensorEntry tensor, UInt128[] groups) in _hashes.Values)
        {
            UInt128 hash = XxHash128.HashToUInt128(MemoryMarshal.AsBytes<UInt128>(groups));
            all.Append(Encoding.UTF8.GetBytes($"{tensor.Name} {tensor.Type} {string.Join('x', tensor.Shape)} {tensor.HoldsFactor} {hash:x32}\n"));
        }
        return all.GetCurrentHashAsUInt128().ToString("x32", null);
    }
}
