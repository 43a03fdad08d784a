namespace Gemma2.Storage.Models.Ranges;

/// <summary>
/// How many ranges are in flight at once, and how large they are, by what the link gives: their number grows while that makes the link faster, fast at first and
/// then by a few at a time; it shrinks when storage says that it is too much. Times are this process's.
/// </summary>
internal sealed class LinkPace(TimeProvider time)
{
    /// <summary>How many ranges are in flight before anything is known.</summary>
    public const int FirstLimit = 8;

    public const int MostLimit = 128;

    /// <summary>How large ranges are before anything is known.</summary>
    public const int FirstRange = 4 << 20;

    public const int ShortestRange = 1 << 20;

    private const int LeastLimit = 2;
    private const int Step = 2;

    // Growth has paid when the link gives more by so much of what the limit has grown by.
    private const double LeastGain = 0.2;

    private const double Shrink = 0.6;

    // So many rounds the limit stays before it is tried again whether more of them give more.
    private const int RoundsOfRest = 10;

    // Times of single ranges are so many of the latest.
    private const double Weight = 0.1;

    // The wait for a first byte is at most this part of a range's time.
    private const int TimesFirstByte = 8;

    private static readonly TimeSpan ShortestRound = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan ShortestTime = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private long _roundStart = time.GetTimestamp();
    private long _roundBytes;
    private bool _isFull = true, _isFast = true, _isShrunk;
    private int _rest;
    private double _limitBefore, _rateBefore;
    private double _firstByte, _bytesPerSecond, _seconds;
    private double _limit = FirstLimit;

    /// <summary>So many ranges may be in flight.</summary>
    public int Limit
    {
        get
        {
            lock (_lock) return (int)_limit;
        }
    }

    /// <summary>How long a range of so many bytes takes; null while no range has ended.</summary>
    public TimeSpan? Expected(int bytes)
    {
        lock (_lock) return _seconds > 0 ? TimeSpan.FromSeconds(_firstByte + (bytes / _bytesPerSecond)) : null;
    }

    /// <summary>How many ranges a block is best read in.</summary>
    /// <param name="blockBytes">The block's length.</param>
    /// <param name="free">Ranges that nobody else has use for now.</param>
    public int Parts(int blockBytes, int free)
    {
        int most = Math.Max(1, blockBytes / ShortestRange);
        double range = FirstRange;
        lock (_lock)
        {
            if (_seconds > 0) range = _bytesPerSecond * Math.Max(TimesFirstByte * _firstByte, ShortestTime.TotalSeconds);
        }
        return Math.Clamp(Math.Max((int)Math.Ceiling(blockBytes / range), free), 1, most);
    }

    /// <summary>Bytes have come.</summary>
    public void Received(int bytes)
    {
        lock (_lock) _roundBytes += bytes;
    }

    /// <summary>A range has come to its end.</summary>
    /// <param name="bytes">Its length.</param>
    /// <param name="firstByte">How long its first byte was waited for.</param>
    /// <param name="whole">How long it took in all.</param>
    /// <param name="isFull">Whether other ranges wait to be fetched: else it is not the limit that makes the link what it is.</param>
    public void Ended(int bytes, TimeSpan firstByte, TimeSpan whole, bool isFull)
    {
        lock (_lock)
        {
            Learn(bytes, firstByte.TotalSeconds, whole.TotalSeconds);
            _isFull &= isFull;
            TimeSpan round = time.GetElapsedTime(_roundStart);
            if (round >= ShortestRound && round.TotalSeconds >= _seconds) EndRound(_roundBytes / round.TotalSeconds);
        }
    }

    /// <summary>Storage has said that it is too much, or did not answer in time.</summary>
    public void Refused()
    {
        lock (_lock)
        {
            // All that are in flight may be refused for the same reason: that counts once.
            if (_isShrunk) return;
            _limit = Math.Max(LeastLimit, _limit * Shrink);
            _rest = RoundsOfRest;
            _isFast = false;
            BeginRound();
            _isShrunk = true;
        }
    }

    private void Learn(int bytes, double firstByte, double whole)
    {
        double weight = _seconds > 0 ? Weight : 1, bytesPerSecond = bytes / Math.Max(whole - firstByte, 1e-6);
        _firstByte += (firstByte - _firstByte) * weight;
        // Of speeds the harmonic mean: it is times that add up.
        _bytesPerSecond = _seconds > 0 ? 1 / ((1 - weight) / _bytesPerSecond + weight / bytesPerSecond) : bytesPerSecond;
        _seconds += (whole - _seconds) * weight;
    }

    private void EndRound(double rate)
    {
        if (_isFull) Adapt(rate);
        BeginRound();
    }

    private void Adapt(double rate)
    {
        if (_rest > 0)
        {
            _rest--;
            _limitBefore = 0;
            _rateBefore += (rate - _rateBefore) / 4;
            return;
        }
        double grown = _limitBefore > 0 ? (_limit / _limitBefore) - 1 : 0;
        if (grown == 0 || rate >= _rateBefore * (1 + (grown * LeastGain)))
        {
            (_rateBefore, _limitBefore) = (rate, _limit);
            _limit = Math.Min(MostLimit, _isFast ? _limit * 1.5 : _limit + Step);
            return;
        }
        (_limit, _limitBefore, _rest, _isFast) = (_limitBefore, 0, RoundsOfRest, false);
    }

    private void BeginRound()
    {
        _roundStart = time.GetTimestamp();
        _roundBytes = 0;
        _isFull = true;
        _isShrunk = false;
    }
}
