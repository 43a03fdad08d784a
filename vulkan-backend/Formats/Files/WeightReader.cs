using System.Buffers;
using System.Runtime.ExceptionServices;
using Gemma2.Backend.Startup;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Files;

/// <summary>
/// Reads the data of a model's weight files, block after block and several at once. Whoever has read a block cuts it into pieces and hands these on, so that all
/// processors work on what the pieces are for while other blocks are on their way.
/// </summary>
/// <param name="files">The files, in the order in which they are read.</param>
/// <param name="sink">Takes the pieces.</param>
/// <param name="progress">Told how far the reading is.</param>
/// <param name="options">How much memory there is.</param>
internal sealed class WeightReader(
    IReadOnlyList<WeightFile> files, ITensorSink sink, IProgress<LoadProgress>? progress, ReadOptions options) : IDisposable
{
    private const int FewestBlocks = 2;

    /// <summary>More at once bring nothing: they fill any link, and keep every processor busy.</summary>
    private static readonly int _mostBlocks = Math.Max(32, 4 * Environment.ProcessorCount);

    private readonly BlockBuffers _buffers = new(files.Count == 0 ? 0 : files.Max(file => file.BlockBytes));
    private readonly IEnumerator<FileBlock> _blocks = BlocksOf(files, options.Timeline).GetEnumerator();
    private readonly long _total = files.Sum(file => file.Tensors.Sum(tensor => tensor.Length));
    private readonly Lock _taking = new(), _reporting = new();
    private long _loaded;
    private Task _before = Task.CompletedTask;
    private ExceptionDispatchInfo? _error;

    /// <summary>Reads all files, each to its last byte.</summary>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ModelException">A file is damaged, or shorter or longer than it was.</exception>
    public async Task ReadAsync(CancellationToken cancellationToken)
    {
        foreach (WeightFile file in files) file.CheckLength();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        // All of them end before this does: nothing is closed or freed under a read.
        await Task.WhenAll(Enumerable.Range(0, BlocksAtOnce()).Select(_ => Task.Run(() => WorkAsync(stop), CancellationToken.None))).ConfigureAwait(false);
        if (_error?.SourceException is OperationCanceledException) cancellationToken.ThrowIfCancellationRequested();
        _error?.Throw();
    }

    /// <summary>Frees the buffers.</summary>
    public void Dispose()
    {
        _blocks.Dispose();
        _buffers.Dispose();
    }

    /// <summary>What was read with the headers is in memory as well, until it is its turn.</summary>
    private int BlocksAtOnce() => files.Count == 0
        ? 0
        : (int)Math.Clamp((options.BlockMemory - files.Sum(file => (long)file.BlockBytes)) / files.Max(file => file.BlockBytes), FewestBlocks, _mostBlocks);

    private async Task WorkAsync(CancellationTokenSource stop)
    {
        try
        {
            while (TakeNext() is { } next)
            {
                stop.Token.ThrowIfCancellationRequested();
                await ReadAsync(next.Block, stop.Token).ConfigureAwait(false);
                // A sink that keeps the order holds what came early: then nobody goes on while what was asked for long ago is yet to come.
                if (sink.KeepsOrder) await next.Before.WaitAsync(stop.Token).ConfigureAwait(false);
                next.Done.SetResult();
            }
        }
        catch (Exception error)
        {
            Interlocked.CompareExchange(ref _error, ExceptionDispatchInfo.Capture(error), null);
            await stop.CancelAsync().ConfigureAwait(false);
        }
    }

    private Turn? TakeNext()
    {
        lock (_taking)
        {
            if (!_blocks.MoveNext()) return null;
            var turn = new Turn(_blocks.Current, _before, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            _before = turn.Done.Task;
            return turn;
        }
    }

    private async ValueTask ReadAsync(FileBlock block, CancellationToken cancellationToken)
    {
        if (block.IsRest)
        {
            HandOn(block, block.File.Rest, cancellationToken);
            block.File.Forget();
        }
        else
        {
            using IMemoryOwner<byte> buffer = _buffers.Rent();
            Memory<byte> bytes = buffer.Memory[..block.Length];
            await block.File.ReadAsync(block.Offset, bytes, cancellationToken).ConfigureAwait(false);
            HandOn(block, bytes, cancellationToken);
        }
        block.Reading.Finish(block.Length);
    }

    private void HandOn(FileBlock block, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        List<TensorPiece> pieces = block.Reading.Cutter.Cut(block.Offset, bytes);
        if (pieces.Count == 1)
        {
            HandOn(pieces[0], cancellationToken);
            return;
        }
        try
        {
            // Large blocks are few, and there may be more processors.
            Parallel.ForEach(pieces, piece => HandOn(piece, cancellationToken));
        }
        catch (AggregateException errors)
        {
            ExceptionDispatchInfo.Throw(errors.InnerExceptions[0]);
        }
    }

    private void HandOn(TensorPiece piece, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        sink.Write(piece.Tensor, piece.Offset, piece.Bytes.Span);
        piece.Return();
        if (progress is null) return;
        lock (_reporting)
        {
            cancellationToken.ThrowIfCancellationRequested();
            _loaded += piece.Bytes.Length;
            progress.Report(new LoadProgress(_loaded, _total));
        }
    }

    private static IEnumerable<FileBlock> BlocksOf(IReadOnlyList<WeightFile> files, StartupTimeline timeline)
    {
        foreach (WeightFile file in files)
        {
            long[] blocks = [.. file.Blocks];
            var reading = new FileReading(new BlockCutter(file.Tensors), timeline.Begin(StartupStages.File, file.Name), blocks.Length + 1);
            yield return new FileBlock(file, reading, file.RestOffset, file.Rest.Length, IsRest: true);
            foreach (long offset in blocks) yield return new FileBlock(file, reading, offset, file.LengthAt(offset), IsRest: false);
        }
    }

    /// <summary>A block that is taken.</summary>
    /// <param name="Block">The block.</param>
    /// <param name="Before">Ends when all blocks before it are done.</param>
    /// <param name="Done">To be set when it is done too.</param>
    private sealed record Turn(FileBlock Block, Task Before, TaskCompletionSource Done);

    private readonly record struct FileBlock(WeightFile File, FileReading Reading, long Offset, int Length, bool IsRest);

    /// <summary>A file while it is read.</summary>
    /// <param name="cutter">Cuts its blocks.</param>
    /// <param name="span">Lasts until the last of them is done.</param>
    /// <param name="blocks">How many there are.</param>
    private sealed class FileReading(BlockCutter cutter, StartupSpan span, int blocks)
    {
        private int _left = blocks;

        public BlockCutter Cutter => cutter;

        public void Finish(int bytes)
        {
            span.Add(bytes);
            if (Interlocked.Decrement(ref _left) == 0) span.Dispose();
        }
    }
}
