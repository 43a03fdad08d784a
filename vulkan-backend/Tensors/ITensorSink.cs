namespace Gemma2.Backend.Tensors;

/// <summary>Takes a model's tensors while they are read. Calls come one after another, never two at once.</summary>
public interface ITensorSink
{
    /// <summary>Called once, before all data: every header has been read and agrees with the configuration, so memory may be allocated.</summary>
    /// <param name="tensors">All tensors that will be written, in the order in which their data comes.</param>
    void Begin(IReadOnlyList<TensorEntry> tensors);

    /// <summary>The next piece of a tensor. Pieces of one tensor follow each other without gap and end with its last byte.</summary>
    /// <param name="tensor">One of the entries given to <see cref="Begin"/>.</param>
    /// <param name="byteOffset">Where in the tensor the piece begins: at the begin of a row.</param>
    /// <param name="bytes">The piece: whole rows, as the file stores them; valid during the call only.</param>
    void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes);
}
