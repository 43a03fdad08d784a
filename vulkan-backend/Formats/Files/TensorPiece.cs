using System.Buffers;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Files;

/// <summary>A piece of a tensor as <see cref="ITensorSink"/> takes it: whole groups of rows.</summary>
/// <param name="Tensor">The tensor.</param>
/// <param name="Offset">Where in it the piece begins.</param>
/// <param name="Bytes">The piece: a part of a block, or a group that was put together.</param>
/// <param name="Joined">What it was put together in, which is the pool's; null for a part of a block.</param>
internal readonly record struct TensorPiece(TensorEntry Tensor, long Offset, ReadOnlyMemory<byte> Bytes, byte[]? Joined)
{
    /// <summary>Call when it was taken.</summary>
    public void Return()
    {
        if (Joined is not null) ArrayPool<byte>.Shared.Return(Joined);
    }
}
