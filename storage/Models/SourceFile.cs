using System.Buffers;
using Gemma2.Backend;

namespace Gemma2.Storage.Models;

/// <summary>A file of a model that is to be moved, wherever it lies. Ranges of it may be read at once, from any thread; whoever moves it checks its hash.</summary>
/// <param name="name">The plain name that it is to have, no folders.</param>
/// <param name="length">Its length in bytes.</param>
/// <param name="hash">What its bytes sum up to; null where only reading tells.</param>
public abstract class SourceFile(string name, long length, ContentHash? hash) : IAsyncDisposable
{
    /// <summary>Files are moved in blocks of this many bytes, those that manifests name; the last one is what is left.</summary>
    public const int BlockBytes = ModelBlocks.DefaultBytes;

    /// <summary>The plain name that it is to have, no folders.</summary>
    public string Name { get; } = name;

    /// <summary>Its length in bytes.</summary>
    public long Length { get; } = length;

    /// <summary>What its bytes sum up to; null where only reading tells.</summary>
    public ContentHash? Hash { get; } = hash;

    /// <summary>Where it lies, for messages.</summary>
    public abstract string Label { get; }

    /// <summary>Reads are best begun at multiples of this many bytes, and as many long.</summary>
    public virtual int UnitBytes => 1;

    /// <summary>How many blocks are moved at once: enough for a network's whole width, and for every core to hash one.</summary>
    public static int BlocksAtOnce { get; } = Math.Clamp(Environment.ProcessorCount, 4, 16);

    /// <summary>Fills the buffer with the bytes that begin at the offset, never beyond its length.</summary>
    /// <exception cref="Gemma2Exception">They cannot be had; the message names the file.</exception>
    public abstract ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken);

    /// <summary>Called after the last read.</summary>
    /// <exception cref="ModelException">The file changed between the first read and the last.</exception>
    public virtual void CheckUnchanged()
    {
    }

    /// <summary>Reads the file block by block, several at once.</summary>
    /// <param name="offset">Where to begin: at the begin of the file, or where an earlier run ended.</param>
    /// <param name="blockBytes">The length of a block; the last one is what is left.</param>
    /// <param name="take">Takes a block: its number from 0 and its bytes, which are valid during the call only. Called from several threads.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public Task ReadBlocksAsync(long offset, int blockBytes, Func<int, ReadOnlyMemory<byte>, CancellationToken, Task> take, CancellationToken cancellationToken)
    {
        int blocks = checked((int)ModelBlocks.Count(Length - offset, blockBytes));
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = BlocksAtOnce, CancellationToken = cancellationToken };
        return Parallel.ForAsync(0, blocks, parallel, async (index, token) =>
        {
            long begin = offset + ((long)index * blockBytes);
            int count = (int)Math.Min(blockBytes, Length - begin);
            byte[] buffer = ArrayPool<byte>.Shared.Rent(count);
            try
            {
                await ReadAsync(begin, buffer.AsMemory(0, count), token);
                await take(index, buffer.AsMemory(0, count), token);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        });
    }

    /// <inheritdoc/>
    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}
