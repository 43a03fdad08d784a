namespace Gemma2.Storage.Models.Ranges;

/// <summary>Fetches what of a range has not come yet; tells the range of each piece that has.</summary>
internal delegate Task FetchRest(RangeRead range, CancellationToken cancellationToken);

/// <summary>A range of a file while it is read: a try that follows one that broke off goes on where that was.</summary>
/// <param name="offset">Where in the file it begins.</param>
/// <param name="buffer">Where its bytes go.</param>
/// <param name="time">The clock.</param>
/// <param name="received">Told of the bytes as they come.</param>
internal sealed class RangeRead(long offset, Memory<byte> buffer, TimeProvider time, Action<int> received)
{
    private readonly long _start = time.GetTimestamp();
    private int _count;
    private long _firstByte;

    /// <summary>Where in the file it begins.</summary>
    public long Begin => offset;

    public int Length => buffer.Length;

    /// <summary>How many bytes have come.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Where in the file the bytes begin that have not come.</summary>
    public long Offset => offset + Count;

    /// <summary>Where they go.</summary>
    public Memory<byte> Rest => buffer[Count..];

    public TimeSpan Elapsed => time.GetElapsedTime(_start);

    /// <summary>How long the first byte was waited for.</summary>
    public TimeSpan FirstByte => _firstByte == 0 ? Elapsed : time.GetElapsedTime(_start, _firstByte);

    /// <summary>So many more bytes are in the buffer.</summary>
    public void Advance(int count)
    {
        if (_firstByte == 0) _firstByte = time.GetTimestamp();
        Volatile.Write(ref _count, _count + count);
        received(count);
    }
}
