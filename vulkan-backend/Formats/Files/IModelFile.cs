namespace Gemma2.Backend.Formats.Files;

/// <summary>
/// One file of a model. Reads may be made at once, from any thread. Blocks are asked for in the order of the file: the lowest of those that were not given yet is always
/// waited for.
/// </summary>
public interface IModelFile : IAsyncDisposable
{
    /// <summary>The file's length in bytes.</summary>
    long Length { get; }

    /// <summary>Files are best read in whole blocks: those that begin at multiples of this many bytes.</summary>
    int BlockBytes { get; }

    /// <summary>Fills the buffer. A source that knows the file's hash has checked what it can before it returns.</summary>
    /// <param name="offset">Where in the file the bytes begin.</param>
    /// <param name="buffer">As many bytes as are wanted: none beyond <see cref="Length"/>.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="ModelException">The file is shorter than it was, was replaced, or is damaged; the message names it.</exception>
    ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken);
}
