using System.Security.Cryptography;
using CsCheck;

namespace Gemma2.Storage.Tests;

public class ReadAheadStreamTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Read_AnyLengthAndRanges_GivesTheBytesInOrder() => await Gen
        .Select(Gen.Int[0, 5000], Gen.Int[1, 700], Gen.Int[1, 6], Gen.Int[1, 900])
        .SampleAsync(
            async (length, rangeBytes, parallel, readBytes) =>
            {
                byte[] expected = RandomNumberGenerator.GetBytes(length);
                await using var stream = new ReadAheadStream((offset, buffer, _) => FetchOutOfOrder(expected, offset, buffer), length, rangeBytes, parallel);
                Assert.Equal(expected, await ReadAllAsync(stream, readBytes));
            },
            iter: 50);

    [Fact]
    public void Read_Synchronously_GivesTheSame()
    {
        byte[] expected = RandomNumberGenerator.GetBytes(1000);
        using var stream = new ReadAheadStream((offset, buffer, _) => FetchOutOfOrder(expected, offset, buffer), 1000, 64, 3);
        byte[] actual = new byte[1000];

        stream.ReadExactly(actual);

        Assert.Equal(expected, actual);
        Assert.Equal(-1, stream.ReadByte());
    }

    [Fact]
    public async Task Read_SlowReader_HoldsNoMoreThanItsRanges()
    {
        int fetched = 0;
        await using var stream = new ReadAheadStream((_, _, _) => { fetched++; return Task.CompletedTask; }, 1000, 10, 4);

        await stream.ReadExactlyAsync(new byte[1], Cancel);
        Assert.Equal(4, fetched);

        await stream.ReadExactlyAsync(new byte[10], Cancel);
        Assert.Equal(5, fetched);
    }

    [Fact]
    public async Task Read_RangeFails_EveryReadFromThereFails()
    {
        await using var stream = new ReadAheadStream(
            (offset, buffer, _) => offset == 20 ? throw new InvalidDataException("broken") : Task.CompletedTask, 100, 10, 4);
        await stream.ReadExactlyAsync(new byte[20], Cancel);

        await Assert.ThrowsAsync<InvalidDataException>(async () => await stream.ReadExactlyAsync(new byte[1], Cancel));
        await Assert.ThrowsAsync<InvalidDataException>(async () => await stream.ReadExactlyAsync(new byte[1], Cancel));
    }

    [Fact]
    public async Task Read_Cancelled_EndsAtOnceAndCanGoOn()
    {
        var arrived = new TaskCompletionSource();
        await using var stream = new ReadAheadStream(
            async (_, buffer, _) => { await arrived.Task; buffer.Span.Fill(7); }, 10, 10, 1);
        using var cancel = new CancellationTokenSource();
        ValueTask<int> reading = stream.ReadAsync(new byte[10], cancel.Token);

        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await reading);

        arrived.SetResult();
        byte[] bytes = new byte[10];
        await stream.ReadExactlyAsync(bytes, Cancel);
        Assert.All(bytes, value => Assert.Equal(7, value));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Dispose_MidWay_CancelsWhatIsInFlight(bool asynchronously)
    {
        var ended = new List<TaskCompletionSource>();
        async Task Fetch(long offset, Memory<byte> buffer, CancellationToken closing)
        {
            if (offset == 0) return;
            var end = new TaskCompletionSource();
            ended.Add(end);
            try
            {
                await Task.Delay(Timeout.Infinite, closing);
            }
            finally
            {
                end.SetResult();
            }
        }
        var stream = new ReadAheadStream(Fetch, 1000, 10, 4);
        await stream.ReadExactlyAsync(new byte[1], Cancel);

        if (asynchronously) await stream.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromMinutes(1), Cancel);
        else stream.Dispose();

        Assert.Equal(3, ended.Count);
        await Task.WhenAll(ended.Select(end => end.Task)).WaitAsync(TimeSpan.FromMinutes(1), Cancel);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await stream.ReadExactlyAsync(new byte[1], Cancel));
        await stream.DisposeAsync();
    }

    private static async Task FetchOutOfOrder(byte[] source, long offset, Memory<byte> buffer)
    {
        for (int turn = Random.Shared.Next(4); turn > 0; turn--) await Task.Yield();
        buffer.Span.Fill(0xEE);
        source.AsSpan((int)offset, buffer.Length).CopyTo(buffer.Span);
    }

    private static async Task<byte[]> ReadAllAsync(Stream stream, int readBytes)
    {
        var all = new MemoryStream();
        byte[] buffer = new byte[readBytes];
        int count;
        while ((count = await stream.ReadAsync(buffer, Cancel)) > 0) all.Write(buffer, 0, count);
        return all.ToArray();
    }
}
