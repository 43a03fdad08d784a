using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Gemma2.Service.Http.Streaming;
using Microsoft.Extensions.Time.Testing;

namespace Gemma2.Functions.Tests;

/// <summary>When a stream that is silent says that it is there: the time is the test's.</summary>
public sealed class HeartbeatsTests : IDisposable
{
    private readonly CountedTime _time = new();
    private readonly Channel<int> _items = Channel.CreateUnbounded<int>();
    private readonly SemaphoreSlim _asked = new(0);
    private readonly SemaphoreSlim _beats = new(0);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _asked.Dispose();
        _beats.Dispose();
    }

    [Fact]
    public async Task WithHeartbeats_Silence_BeatsAfterTwoSecondsThenEveryFifteen()
    {
        Task<List<int>> reading = ReadAsync(Cancellation);
        await _asked.WaitAsync(Cancellation);

        await AssertBeatsAfterAsync(TimeSpan.FromSeconds(2));
        await AssertBeatsAfterAsync(TimeSpan.FromSeconds(15));
        await AssertBeatsAfterAsync(TimeSpan.FromSeconds(15));

        _items.Writer.Complete();
        Assert.Empty(await reading);
    }

    [Fact]
    public async Task WithHeartbeats_Item_BeginsTheSilenceAnew()
    {
        Task<List<int>> reading = ReadAsync(Cancellation);
        await _asked.WaitAsync(Cancellation);
        _time.Advance(TimeSpan.FromSeconds(1.9));
        _items.Writer.TryWrite(1);
        await _asked.WaitAsync(Cancellation);

        await AssertBeatsAfterAsync(TimeSpan.FromSeconds(2));
        _time.Advance(TimeSpan.FromSeconds(14));
        _items.Writer.TryWrite(2);
        await _asked.WaitAsync(Cancellation);
        await AssertBeatsAfterAsync(TimeSpan.FromSeconds(15));

        _items.Writer.Complete();
        Assert.Equal([1, 2], await reading);
    }

    [Fact]
    public async Task WithHeartbeats_TenThousandItems_TakeOneTimerAndLeaveNone()
    {
        Task<List<int>> reading = ReadAsync(Cancellation);
        for (int item = 0; item < 10_000; item++)
            _items.Writer.TryWrite(item);
        _items.Writer.Complete();

        Assert.Equal(10_000, (await reading).Count);
        Assert.Equal((1, 0), (_time.Created, _time.Alive));
    }

    [Fact]
    public async Task WithHeartbeats_Cancelled_LeavesNoTimerAndDoesNotBeat()
    {
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        Task<List<int>> reading = ReadAsync(leave.Token);
        await _asked.WaitAsync(Cancellation);

        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        Assert.Equal((1, 0, 0), (_time.Created, _time.Alive, _beats.CurrentCount));
    }

    private async Task AssertBeatsAfterAsync(TimeSpan silence)
    {
        _time.Advance(silence - TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, _beats.CurrentCount);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await _beats.WaitAsync(Cancellation);
    }

    private async Task<List<int>> ReadAsync(CancellationToken cancellationToken)
    {
        Task BeatAsync()
        {
            _beats.Release();
            return Task.CompletedTask;
        }

        return await SourceAsync(cancellationToken).WithHeartbeats(new StreamOptions { Time = _time }, BeatAsync, cancellationToken).ToListAsync(cancellationToken);
    }

    private async IAsyncEnumerable<int> SourceAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            _asked.Release();
            if (!await _items.Reader.WaitToReadAsync(cancellationToken))
                yield break;
            yield return await _items.Reader.ReadAsync(cancellationToken);
        }
    }

    /// <summary>A time that stands still until it is moved, and counts its timers.</summary>
    private sealed class CountedTime : FakeTimeProvider
    {
        private int _created;
        private int _alive;

        public int Created => _created;

        public int Alive => _alive;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Interlocked.Increment(ref _created);
            Interlocked.Increment(ref _alive);
            return new CountedTimer(base.CreateTimer(callback, state, dueTime, period), () => Interlocked.Decrement(ref _alive));
        }
    }

    private sealed class CountedTimer(ITimer timer, Action ended) : ITimer
    {
        private Action? _ended = ended;

        public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(dueTime, period);

        public void Dispose()
        {
            Interlocked.Exchange(ref _ended, null)?.Invoke();
            timer.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
