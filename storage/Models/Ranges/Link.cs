using System.Buffers;
using Polly;
using Polly.Hedging;

namespace Gemma2.Storage.Models.Ranges;

/// <summary>
/// The way to storage that all files of a model share: a piece of a file is read in several ranges, as many at once as <see cref="LinkPace"/> says, and the rest of
/// a range that is far behind its peers is asked for a second time (<see cref="SlowRanges"/>).
/// </summary>
internal sealed class Link
{
    private static readonly ResiliencePropertyKey<RangeRead> RangeKey = new(nameof(RangeRead));
    private static readonly ResiliencePropertyKey<FetchRest> FetchKey = new(nameof(FetchRest));

    private readonly TimeProvider _time;
    private readonly LinkGate _gate;
    private readonly ResiliencePipeline<Second?> _hedging;

    /// <summary>A way of which nothing is known yet.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="isHedging">Whether ranges may be asked for twice.</param>
    public Link(TimeProvider time, bool isHedging = true)
    {
        _time = time;
        Pace = new LinkPace(time);
        Slow = new SlowRanges(Pace);
        _gate = new LinkGate(() => Pace.Limit);
        var builder = new ResiliencePipelineBuilder<Second?> { TimeProvider = time };
        if (isHedging) builder.AddHedging(Hedging());
        _hedging = builder.Build();
    }

    public LinkPace Pace { get; }

    public SlowRanges Slow { get; }

    /// <summary>Fills the buffer with the bytes of a file that begin at the offset.</summary>
    public async Task ReadAsync(long offset, Memory<byte> buffer, FetchRest fetch, CancellationToken cancellationToken)
    {
        int parts = Pace.Parts(buffer.Length, _gate.Free);
        if (parts == 1)
        {
            await ReadRangeAsync(offset, buffer, fetch, cancellationToken);
            return;
        }
        int length = (buffer.Length + parts - 1) / parts;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] ranges = [.. Enumerable.Range(0, parts).Select(i => (long)i * length).Where(begin => begin < buffer.Length)
            .Select(begin => ReadOrStopAsync(offset + begin, buffer.Slice((int)begin, (int)Math.Min(length, buffer.Length - begin)), fetch, stop))];
        try
        {
            await Task.WhenAll(ranges);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested && ranges.FirstOrDefault(range => range.IsFaulted) is { } failed)
        {
            await failed;
        }
    }

    /// <summary>A range that fails ends the others of its piece.</summary>
    private async Task ReadOrStopAsync(long offset, Memory<byte> buffer, FetchRest fetch, CancellationTokenSource stop)
    {
        try
        {
            await ReadRangeAsync(offset, buffer, fetch, stop.Token);
        }
        catch
        {
            await stop.CancelAsync();
            throw;
        }
    }

    private async Task ReadRangeAsync(long offset, Memory<byte> buffer, FetchRest fetch, CancellationToken cancellationToken)
    {
        await _gate.EnterAsync(cancellationToken);
        try
        {
            var range = new RangeRead(offset, buffer, _time, Received);
            if (await FetchAsync(range, fetch, cancellationToken) is { } second)
            {
                using (second) second.CopyTo(buffer);
            }
            else
            {
                Pace.Ended(range.Length, range.FirstByte, range.Elapsed);
            }
        }
        finally
        {
            _gate.Leave();
        }
    }

    private void Received(int bytes) => Pace.Received(bytes, _gate.IsFull);

    /// <summary>Fetches a range; gives what was fetched of it by a second try where that was sooner.</summary>
    private async Task<Second?> FetchAsync(RangeRead range, FetchRest fetch, CancellationToken cancellationToken)
    {
        ResilienceContext context = ResilienceContextPool.Shared.Get(cancellationToken);
        context.Properties.Set(RangeKey, range);
        context.Properties.Set(FetchKey, fetch);
        Task first = Task.CompletedTask;
        try
        {
            return await _hedging.ExecuteAsync(
                async running =>
                {
                    await (first = fetch(range, running.CancellationToken));
                    return (Second?)null;
                },
                context);
        }
        finally
        {
            // The buffer is the reader's: nobody writes to it any more when this returns.
            await first.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ResilienceContextPool.Shared.Return(context);
        }
    }

    private HedgingStrategyOptions<Second?> Hedging() => new()
    {
        MaxHedgedAttempts = 1,
        // A range that failed was tried again already; of second tries those are left alone that failed.
        ShouldHandle = args => ValueTask.FromResult(args.Outcome.Result is { HasFailed: true }),
        DelayGenerator = args => ValueTask.FromResult(Slow.Wait(args.Context.Properties.GetValue(RangeKey, null!))),
        ActionGenerator = args =>
        {
            RangeRead range = args.PrimaryContext.Properties.GetValue(RangeKey, null!);
            FetchRest fetch = args.PrimaryContext.Properties.GetValue(FetchKey, null!);
            return Slow.TryTake(range) ? () => FetchAgainAsync(range, fetch, args.ActionContext.CancellationToken) : null;
        },
    };

    private async ValueTask<Outcome<Second?>> FetchAgainAsync(RangeRead late, FetchRest fetch, CancellationToken cancellationToken)
    {
        int begin = late.Count;
        var second = new Second(begin, late.Length - begin);
        try
        {
            var rest = new RangeRead(late.Begin + begin, second.Buffer, _time, Received);
            await fetch(rest, cancellationToken);
            return Outcome.FromResult<Second?>(second);
        }
        catch (Exception)
        {
            second.Dispose();
            return Outcome.FromResult<Second?>(second);
        }
    }

    /// <summary>What a second try has fetched of a range, from a place on to its end.</summary>
    private sealed class Second(int begin, int length) : IDisposable
    {
        private byte[]? _bytes = ArrayPool<byte>.Shared.Rent(length);

        public bool HasFailed => _bytes is null;

        public Memory<byte> Buffer => _bytes.AsMemory(0, length);

        public void CopyTo(Memory<byte> range) => Buffer.CopyTo(range[begin..]);

        public void Dispose()
        {
            if (_bytes is not null) ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = null;
        }
    }
}
