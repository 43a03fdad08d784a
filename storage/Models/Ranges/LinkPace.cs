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

    /// <summary>How many more there are at a time when the limit is near.</summary>
    public const int Step = 4;

    private const int LeastLimit = 2;

    // Growth has paid when the link gives more by so much of what the limit has grown by.
    private const double LeastGain = 0.15;

    private const double Shrink = 0.6;

    // So many rounds the limit stays before it is tried again whether more of them give more.
    private const int RoundsOfRest = 4;

    // How many ranges follow one another on a connection in one round.
    private const double RoundRanges = 1.5;

    // A range is what it is by the middle one of so many: one that is late says nothing of the others.
    private const int Samples = 32;

    // The wait for a first byte is at most this part of a range's time.
    private const int TimesFirstByte = 8;

    private static readonly TimeSpan ShortestRound = TimeSpan.FromMilliseconds(80);
    private static readonly TimeSpan ShortestTime = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private readonly double[] _firstBytes = new double[Samples], _secondsPerByte = new double[Samples], _wholes = new double[Samples];
    private int _samples;
    private double _firstByte, _bytesPerSecond, _whole;
    private long _roundStart;
    private long _roundBytes;
    private bool _isFull = true, _isFast = true, _isShrunk;
    private int _rest;
    private double _limit = FirstLimit, _limitBefore, _rateBefore;

    /// <summary>So many ranges may be in flight.</summary>
    public int Limit
    {
        get
        {
            lock (_lock) return (int)_limit;
        }
    }

    /// <summary>How many ranges have come to their end.</summary>
    public int Ranges
    {
        get
        {
            lock (_lock) return _samples;
        }
    }

    /// <summary>How long a range of so many bytes takes; null while none has come to its end.</summary>
    public TimeSpan? Expected(int bytes)
    {
        lock (_lock) return _samples > 0 ? TimeSpan.FromSeconds(_firstByte + (bytes / _bytesPerSecond)) : null;
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
            if (_samples > 0) range = _bytesPerSecond * Math.Max(TimesFirstByte * _firstByte, ShortestTime.TotalSeconds);
        }
        return Math.Clamp(Math.Max((int)Math.Ceiling(blockBytes / range), free), 1, most);
    }

    /// <summary>Bytes have come.</summary>
    /// <param name="bytes">How many.</param>
    /// <param name="isFull">Whether other ranges wait to be fetched: else it is not the limit that makes the link what it is.</param>
    public void Received(int bytes, bool isFull)
    {
        lock (_lock)
        {
            // Before the first byte of all nothing is known of the link.
            if (_roundStart == 0) BeginRound();
            _roundBytes += bytes;
            _isFull &= isFull;
            TimeSpan round = time.GetElapsedTime(_roundStart);
            // Ranges that begin together end together: a round has the whole of them.
            if (round < ShortestRound || round.TotalSeconds < RoundRanges * _whole) return;
            if (_isFull) Adapt(_roundBytes / round.TotalSeconds);
            BeginRound();
        }
    }

    /// <summary>A range has come to its end.</summary>
    /// <param name="bytes">Its length.</param>
    /// <param name="firstByte">How long its first byte was waited for.</param>
    /// <param name="whole">How long it took in all.</param>
    public void Ended(int bytes, TimeSpan firstByte, TimeSpan whole)
    {
        lock (_lock)
        {
            _firstBytes[_samples % Samples] = firstByte.TotalSeconds;
            _secondsPerByte[_samples % Samples] = Math.Max((whole - firstByte).TotalSeconds, 1e-6) / bytes;
            _wholes[_samples % Samples] = whole.TotalSeconds;
            int count = Math.Min(++_samples, Samples);
            _firstByte = Median(_firstBytes.AsSpan(0, count));
            _bytesPerSecond = 1 / Median(_secondsPerByte.AsSpan(0, count));
            _whole = Median(_wholes.AsSpan(0, count));
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
            (_rest, _limitBefore, _isFast) = (RoundsOfRest, 0, false);
            BeginRound();
            _isShrunk = true;
        }
    }

    private void Adapt(double rate)
    {
        if (_rest > 0)
        {
            _rest--;
            _rateBefore += (rate - _rateBefore) / 4;
            return;
        }
        double grown = _limitBefore > 0 ? (_limit / _limitBefore) - 1 : 0;
        if (grown == 0 || rate >= _rateBefore * (1 + (grown * LeastGain)))
        {
            (_rateBefore, _limitBefore) = (rate, _limit);
            _limit = Math.Min(MostLimit, _isFast ? _limit * 2 : _limit + Step);
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

    private static double Median(ReadOnlySpan<double> values)
    {
        Span<double> sorted = stackalloc double[Samples];
        values.CopyTo(sorted);
        sorted[..values.Length].Sort();
        return sorted[values.Length / 2];
    }
}
