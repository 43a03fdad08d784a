namespace Gemma2.Backend.Tensors;

/// <summary>Takes a model's tensors while they are read.</summary>
public interface ITensorSink
{
    /// <summary>Pieces of matrices begin at multiples of so many rows: no tile of device order has more, nor do two threads ever write to the same one.</summary>
    const int GroupRows = 16;

    /// <summary>
    /// True for a sink that brings pieces into order by itself, and keeps those that come early meanwhile: whoever reads then goes no further ahead of what is missing
    /// than there is memory for.
    /// </summary>
    bool KeepsOrder => false;

    /// <summary>Called once, before all data: every header has been read and agrees with the configuration, so memory may be allocated.</summary>
    /// <param name="tensors">All tensors that will be written, about in the order in which their data comes.</param>
    void Begin(IReadOnlyList<TensorEntry> tensors);

    /// <summary>A piece of a tensor. Several threads may bring pieces at once, and in any order; all together they are the tensor, each byte once.</summary>
    /// <param name="tensor">One of the entries given to <see cref="Begin"/>.</param>
    /// <param name="byteOffset">Where in the tensor the piece begins: at a multiple of <see cref="GroupRows"/> rows.</param>
    /// <param name="bytes">The piece: whole rows, as the file stores them, a multiple of <see cref="GroupRows"/> or all that are left; valid during the call only.</param>
    void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes);
}
