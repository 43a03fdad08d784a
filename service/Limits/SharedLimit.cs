using Gemma2.Storage;
using Gemma2.Storage.Limits;

namespace Gemma2.Service.Limits;

/// <summary>
/// A limit that holds over all processes together, minute by minute of storage's clock: this one claims an eighth of it at a time, and uses that without asking. Where storage does not answer
/// it goes on with a limit of its own, as large, for half a minute, and says so.
/// </summary>
internal sealed class SharedLimit(string name, int size, MinuteClaims claims, TimeProvider time, ILogger<SharedLimit> log) : IMinuteLimit
{
    private const int Slices = 8;

    // A request waits for this: it is better served by the other limit.
    private static readonly TimeSpan LongestClaim = TimeSpan.FromSeconds(2), TimeAlone = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private readonly MinuteBucket _alone = new(size, time);
    private Task? _claiming;
    private long _have;
    private long _left = size;
    private DateTimeOffset _end;
    private DateTimeOffset _aloneUntil;

    /// <inheritdoc />
    public int Size => size;

    /// <inheritdoc />
    public int Content
    {
        get
        {
            lock (_lock)
                return IsAlone ? _alone.Content : IsOver ? size : (int)(_have + _left);
        }
    }

    /// <inheritdoc />
    public TimeSpan UntilFull
    {
        get
        {
            lock (_lock)
                return IsAlone ? _alone.UntilFull : IsOver || _have + _left == size ? TimeSpan.Zero : _end - time.GetUtcNow();
        }
    }

    private bool IsAlone => time.GetUtcNow() < _aloneUntil;

    private bool IsOver => time.GetUtcNow() >= _end;

    /// <inheritdoc />
    public async ValueTask<TimeSpan?> TryTakeAsync(int amount, CancellationToken cancellationToken)
    {
        int wanted = Math.Min(amount, size);
        while (true)
        {
            Task claiming;
            lock (_lock)
            {
                if (IsAlone)
                    return _alone.TryTake(wanted);
                if (IsOver)
                    (_have, _left) = (0, size);
                if (_have >= wanted)
                {
                    _have -= wanted;
                    return null;
                }
                if (_have + _left < wanted)
                    return _end - time.GetUtcNow();
                long needed = wanted - _have;
                claiming = _claiming ??= Task.Run(() => ClaimAsync(needed), CancellationToken.None);
            }
            await claiming.WaitAsync(cancellationToken);
        }
    }

    private async Task ClaimAsync(long needed)
    {
        using var limit = new CancellationTokenSource(LongestClaim);
        try
        {
            MinuteClaim claim = await claims.ClaimAsync(name, size, needed, Math.Max(size / Slices, needed), limit.Token);
            lock (_lock)
                (_have, _left, _end) = ((IsOver ? 0 : _have) + claim.Granted, claim.Left, time.GetUtcNow() + claim.UntilEnd);
        }
        catch (Exception error) when (error is StorageException or OperationCanceledException)
        {
            log.LogWarning("The limit {Limit} is this process' own for {Seconds} s, as storage does not answer: {Message}", name, TimeAlone.TotalSeconds, error.Message);
            lock (_lock)
                _aloneUntil = time.GetUtcNow() + TimeAlone;
        }
        finally
        {
            lock (_lock)
                _claiming = null;
        }
    }
}
