using System.Buffers;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Files;

/// <summary>
/// Cuts the blocks of a file into pieces of its tensors, whichever block comes first. A group of rows that lies across blocks is put together by whoever brings its last
/// byte. Blocks may be cut at once, by several threads.
/// </summary>
/// <param name="tensors">The file's tensors in the order of their data.</param>
internal sealed class BlockCutter(IReadOnlyList<TensorEntry> tensors)
{
    /// <summary>Pieces are about so long: what is done to one finds it in the processor's own cache.</summary>
    private const int PieceBytes = 1 << 20;

    private readonly Dictionary<long, SplitGroup> _split = [];

    /// <summary>The pieces that are whole with this block.</summary>
    /// <param name="offset">Where in the file the block begins.</param>
    /// <param name="block">The block; pieces are parts of it.</param>
    public List<TensorPiece> Cut(long offset, ReadOnlyMemory<byte> block)
    {
        List<TensorPiece> pieces = [];
        for (int i = FirstBehind(offset); i < tensors.Count && tensors[i].Offset < offset + block.Length; i++)
        {
            TensorEntry tensor = tensors[i];
            long begin = Math.Max(offset, tensor.Offset), end = Math.Min(offset + block.Length, tensor.Offset + tensor.Length);
            Cut(tensor, begin - tensor.Offset, block[(int)(begin - offset)..(int)(end - offset)], pieces);
        }
        return pieces;
    }

    /// <summary>Gives back what groups hold that were never whole.</summary>
    public void Clear()
    {
        foreach (SplitGroup group in _split.Values) ArrayPool<byte>.Shared.Return(group.Bytes);
        _split.Clear();
    }

    /// <summary>The first tensor that does not end before a byte of the file.</summary>
    private int FirstBehind(long offset)
    {
        int low = 0, high = tensors.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (tensors[middle].Offset + tensors[middle].Length <= offset) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    private void Cut(TensorEntry tensor, long at, ReadOnlyMemory<byte> bytes, List<TensorPiece> pieces)
    {
        long group = tensor.GroupBytes, most = Math.Max(group, PieceBytes / group * group);
        while (!bytes.IsEmpty)
        {
            long first = at / group * group, left = Math.Min(group, tensor.Length - first), end = at + bytes.Length;
            int count;
            if (at == first && bytes.Length >= left)
            {
                long whole = end == tensor.Length ? end : end / group * group;
                count = (int)Math.Min(most, whole - at);
                pieces.Add(new TensorPiece(tensor, at, bytes[..count], Joined: null));
            }
            else
            {
                count = (int)Math.Min(bytes.Length, first + left - at);
                if (Join(tensor, first, (int)left, at, bytes.Span[..count]) is { } joined) pieces.Add(joined);
            }
            at += count;
            bytes = bytes[count..];
        }
    }

    /// <returns>The group, where this was its last part.</returns>
    private TensorPiece? Join(TensorEntry tensor, long first, int length, long at, ReadOnlySpan<byte> part)
    {
        long key = tensor.Offset + first;
        SplitGroup? group;
        lock (_split)
        {
            if (!_split.TryGetValue(key, out group)) _split.Add(key, group = new SplitGroup(ArrayPool<byte>.Shared.Rent(length)) { Missing = length });
        }
        part.CopyTo(group.Bytes.AsSpan((int)(at - first)));
        lock (_split)
        {
            group.Missing -= part.Length;
            if (group.Missing > 0) return null;
            _split.Remove(key);
        }
        return new TensorPiece(tensor, first, group.Bytes.AsMemory(0, length), group.Bytes);
    }

    private sealed class SplitGroup(byte[] bytes)
    {
        public byte[] Bytes => bytes;

        public int Missing { get; set; }
    }
}
