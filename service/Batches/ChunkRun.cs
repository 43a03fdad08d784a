using System.Threading.Channels;
using Gemma2.Backend.Engine;
using Gemma2.Storage.Batches;

namespace Gemma2.Service.Batches;

/// <summary>One claim's work on a chunk: lines run, and what they give is made safe every few seconds or lines.</summary>
/// <param name="work">Storage.</param>
/// <param name="claim">The chunk, which is this worker's.</param>
/// <param name="runner">Runs lines.</param>
/// <param name="batch">The batch as it was when the work began.</param>
/// <param name="engine">The model.</param>
/// <param name="turn">Its end: no line is begun any more, those in hand go on.</param>
/// <param name="stopping">The app stops: those in hand have <see cref="GraceOnStop"/>.</param>
internal sealed class ChunkRun(
    BatchWork work, ChunkClaim claim, LineRunner runner, BatchRecord batch, IInferenceEngine engine, CancellationToken turn, CancellationToken stopping)
{
    /// <summary>What a worker that is killed loses at most: little, against the cost of a write.</summary>
    private static readonly TimeSpan CheckpointInterval = TimeSpan.FromSeconds(2);

    /// <summary>So many lines are made safe before the time is over: a fast device would else lose hundreds.</summary>
    private const int CheckpointLines = 32;

    /// <summary>After a worker ended without a new result each is made safe at once: that others end too must not be taken for a line's fault.</summary>
    private readonly int _checkpointLines = claim.Attempts > 1 ? 1 : CheckpointLines;

    /// <summary>Of the app's 25 s to stop: the rest is for the last checkpoint and for storage's own retries.</summary>
    private static readonly TimeSpan GraceOnStop = TimeSpan.FromSeconds(15);

    /// <summary>Runs lines until each has its result in storage, or the batch is over, or the turn is.</summary>
    /// <returns>The batch as it is now.</returns>
    /// <exception cref="ClaimLostException">The chunk has become another worker's.</exception>
    /// <exception cref="Storage.StorageException">Storage failed.</exception>
    /// <exception cref="Backend.DeviceException">The device failed.</exception>
    /// <exception cref="OperationCanceledException">The token, or the engine has stopped.</exception>
    public async Task<BatchRecord?> RunAsync(IReadOnlyList<BatchLine> lines, CancellationToken cancellationToken)
    {
        Channel<ChunkLine> finished = Channel.CreateUnbounded<ChunkLine>(new UnboundedChannelOptions { SingleReader = true });
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using CancellationTokenRegistration stop = stopping.Register(() => giveUp.CancelAfter(GraceOnStop));
        Task running = ProduceAsync(lines, finished.Writer, giveUp.Token);
        try
        {
            BatchRecord? now = await CheckpointAsync(finished.Reader, giveUp, cancellationToken);
            await running;
            return now;
        }
        catch (OperationCanceledException) when (giveUp.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return await work.TryReadAsync(batch.Key, cancellationToken);
        }
        finally
        {
            // Whatever ended this, no line goes on behind its back.
            await giveUp.CancelAsync();
            await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ProduceAsync(IReadOnlyList<BatchLine> lines, ChannelWriter<ChunkLine> finished, CancellationToken cancellationToken)
    {
        try
        {
            await runner.RunAsync(batch, engine, lines, line => finished.TryWrite(line), turn, cancellationToken);
        }
        finally
        {
            finished.Complete();
        }
    }

    private async Task<BatchRecord?> CheckpointAsync(ChannelReader<ChunkLine> finished, CancellationTokenSource giveUp, CancellationToken cancellationToken)
    {
        BatchRecord? now = batch;
        while (!finished.Completion.IsCompleted)
        {
            List<ChunkLine> lines = await CollectAsync(finished, cancellationToken);
            if (lines.Count > 0)
                await claim.AppendAsync(lines, cancellationToken);
            else if (claim.NeedsHeartbeat)
                await claim.HeartbeatAsync(cancellationToken);
            now = await work.TryReadAsync(batch.Key, cancellationToken);
            if (!now.MayRun(work.UtcNow))
                await giveUp.CancelAsync();
        }
        return now;
    }

    private async Task<List<ChunkLine>> CollectAsync(ChannelReader<ChunkLine> finished, CancellationToken cancellationToken)
    {
        var lines = new List<ChunkLine>();
        using var time = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        time.CancelAfter(CheckpointInterval);
        try
        {
            while (lines.Count < _checkpointLines && await finished.WaitToReadAsync(time.Token))
            {
                // All that has come, so that writes keep up with a fast device.
                while (finished.TryRead(out ChunkLine? line))
                    lines.Add(line);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Time for what has come.
        }
        return lines;
    }
}
