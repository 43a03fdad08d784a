using System.Collections.Concurrent;
using System.Security.Cryptography;
using Gemma2.Storage.Models.Ranges;
using Microsoft.Extensions.Time.Testing;

namespace Gemma2.Storage.Tests.Models.Ranges;

public class LinkTests
{
    private const int Bytes = 500_000;

    private static readonly TimeSpan Usual = TimeSpan.FromMilliseconds(200);

    private readonly FakeTimeProvider _time = new();
    private readonly byte[] _file = RandomNumberGenerator.GetBytes(20 * Bytes);
    private readonly ConcurrentQueue<long> _asked = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Read_RangeStopsInTheMiddle_ItsRestIsAskedForAgain()
    {
        Link link = await NewLinkAsync();
        byte[] buffer = new byte[Bytes];

        await RunAsync(link.ReadAsync(Bytes, buffer, StopAfter(1000), Cancel));

        Assert.Equal(_file[Bytes..(2 * Bytes)], buffer);
        Assert.Equal([Bytes, Bytes + 1000], _asked);
        Assert.Equal(Bytes - 1000, link.Slow.BytesTwice);
    }

    [Fact]
    public async Task Read_RangeIsSlowButComes_IsNotAskedForAgain()
    {
        Link link = await NewLinkAsync();
        byte[] buffer = new byte[Bytes];

        // After three times what it should take, three quarters are there.
        await RunAsync(link.ReadAsync(0, buffer, (range, token) => FetchAsync(range, 20, 4 * Usual / 20, token), Cancel));

        Assert.Equal(_file[..Bytes], buffer);
        Assert.Equal([0L], _asked);
    }

    [Fact]
    public async Task Read_ManyRangesStop_FewBytesAreAskedForTwice()
    {
        Link link = await NewLinkAsync(files: 1);
        using var cancel = new CancellationTokenSource();

        Task[] reads = [.. Enumerable.Range(0, 8).Select(i => link.ReadAsync(i * Bytes, new byte[Bytes], StopAfter(150_000), cancel.Token))];
        for (int i = 0; i < 100; i++) await AdvanceAsync();

        // 4 % of the file is the rest of one of them.
        Assert.Equal(Bytes - 150_000, link.Slow.BytesTwice);
        Assert.Equal(1, reads.Count(read => read.IsCompleted));
        await cancel.CancelAsync();
        foreach (Task read in reads) await Record.ExceptionAsync(() => read);
    }

    [Fact]
    public async Task Read_SecondTryFails_TheFirstIsWaitedFor()
    {
        Link link = await NewLinkAsync();
        var goOn = new TaskCompletionSource();
        byte[] buffer = new byte[Bytes];

        Task read = link.ReadAsync(
            0, buffer,
            async (range, token) =>
            {
                _asked.Enqueue(range.Offset);
                if (_asked.Count > 1) throw new IOException("broken");
                await goOn.Task.WaitAsync(token);
                Fill(range, range.Length);
            },
            Cancel);
        await WaitAsync(() => _asked.Count == 2);
        goOn.SetResult();
        await RunAsync(read);

        Assert.Equal(_file[..Bytes], buffer);
    }

    [Fact]
    public async Task Read_SecondTryWasSooner_TheFirstHasEndedBeforeTheBufferIsGiven()
    {
        Link link = await NewLinkAsync();
        var end = new TaskCompletionSource();
        byte[] buffer = new byte[Bytes];

        Task read = link.ReadAsync(
            0, buffer,
            async (range, token) =>
            {
                _asked.Enqueue(range.Offset);
                if (_asked.Count > 1) Fill(range, range.Length);
                else
                {
                    // A body that does not see at once that nobody wants it any more.
                    await end.Task;
                    range.Rest.Span.Clear();
                    token.ThrowIfCancellationRequested();
                }
            },
            Cancel);
        await WaitAsync(() => _asked.Count == 2);
        for (int i = 0; i < 20; i++) await AdvanceAsync();
        Assert.False(read.IsCompleted);
        end.SetResult();
        await RunAsync(read);

        Assert.Equal(_file[..Bytes], buffer);
    }

    [Fact]
    public async Task Read_WithoutHedging_WaitsForTheFirst()
    {
        Link link = await NewLinkAsync(isHedging: false);
        using var cancel = new CancellationTokenSource();

        Task read = link.ReadAsync(0, new byte[Bytes], StopAfter(0), cancel.Token);
        for (int i = 0; i < 100; i++) await AdvanceAsync();

        Assert.False(read.IsCompleted);
        Assert.Equal([0L], _asked);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
    }

    [Fact]
    public async Task Read_OnePartFails_EndsTheOthersAndGivesItsError()
    {
        var link = new Link(_time);

        // Eight ranges at first.
        var error = await Assert.ThrowsAsync<IOException>(() => link.ReadAsync(
            0, new byte[8 << 20],
            async (range, token) =>
            {
                if (range.Begin == 3 << 20) throw new IOException("broken");
                await Task.Delay(Timeout.Infinite, token);
            },
            Cancel));

        Assert.Equal("broken", error.Message);
    }

    [Fact]
    public async Task Read_ManyAtOnce_KeepsTheLimitAndGivesAllTheirBytes()
    {
        var link = new Link(TimeProvider.System);
        int inFlight = 0, most = 0;
        byte[][] buffers = [.. Enumerable.Range(0, 20).Select(_ => new byte[Bytes])];

        await Task.WhenAll(buffers.Select((buffer, i) => link.ReadAsync(
            i * Bytes, buffer,
            async (range, _) =>
            {
                most = Math.Max(most, Interlocked.Increment(ref inFlight));
                await Task.Yield();
                Fill(range, range.Length);
                Interlocked.Decrement(ref inFlight);
            },
            Cancel)));

        Assert.All(buffers.Index(), buffer => Assert.Equal(_file[(buffer.Index * Bytes)..((buffer.Index + 1) * Bytes)], buffer.Item));
        Assert.InRange(most, 1, LinkPace.FirstLimit);
    }

    [Fact]
    public async Task Gate_LimitChanges_LetsThatManyInInTheirTurn()
    {
        int limit = 2;
        var gate = new LinkGate(() => limit);
        using var cancel = new CancellationTokenSource();
        Task[] turns = [.. Enumerable.Range(0, 7).Select(i => gate.EnterAsync(i == 3 ? cancel.Token : Cancel))];
        Assert.Equal([true, true, false, false, false, false, false], turns.Select(turn => turn.IsCompleted));
        Assert.True(gate.IsFull);

        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => turns[3]);
        limit = 4;
        gate.Leave();
        await Task.WhenAll(turns[2], turns[4], turns[5]);
        Assert.False(turns[6].IsCompleted);

        limit = 1;
        for (int i = 0; i < 3; i++) gate.Leave();
        Assert.False(turns[6].IsCompleted);
        gate.Leave();
        await turns[6];
        Assert.False(gate.IsFull);
        Assert.Equal(0, gate.Free);
        gate.Leave();
        Assert.Equal(1, gate.Free);
    }

    /// <summary>A link that knows what a range usually takes.</summary>
    private async Task<Link> NewLinkAsync(bool isHedging = true, int files = 2)
    {
        var link = new Link(_time, isHedging);
        link.Slow.Expect(files * _file.Length);
        for (int i = 0; i < 8; i++) await RunAsync(link.ReadAsync(i * Bytes, new byte[Bytes], (range, token) => FetchAsync(range, 2, Usual / 2, token), Cancel));
        _asked.Clear();
        return link;
    }

    private async Task FetchAsync(RangeRead range, int pieces, TimeSpan pause, CancellationToken cancellationToken)
    {
        _asked.Enqueue(range.Offset);
        int piece = range.Length / pieces;
        for (int i = 0; i < pieces; i++)
        {
            await Task.Delay(pause, _time, cancellationToken);
            Fill(range, piece);
        }
    }

    private FetchRest StopAfter(int count) => async (range, token) =>
    {
        _asked.Enqueue(range.Offset);
        bool isFirst = _asked.Count(offset => offset / Bytes == range.Offset / Bytes) == 1;
        Fill(range, isFirst ? count : range.Length);
        if (isFirst) await Task.Delay(Timeout.Infinite, token);
    };

    private void Fill(RangeRead range, int count)
    {
        _file.AsMemory((int)range.Offset, count).CopyTo(range.Rest);
        if (count > 0) range.Advance(count);
    }

    private async Task RunAsync(Task read)
    {
        await WaitAsync(() => read.IsCompleted);
        await read;
    }

    private async Task WaitAsync(Func<bool> until)
    {
        for (int i = 0; !until(); i++)
        {
            Assert.True(i < 1000, "Nothing more happens.");
            await AdvanceAsync();
        }
    }

    private async Task AdvanceAsync()
    {
        // Who waits for the clock sets its timer first.
        await Task.Delay(1, Cancel);
        _time.Advance(TimeSpan.FromMilliseconds(10));
    }
}
