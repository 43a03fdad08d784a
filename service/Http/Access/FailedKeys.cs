using System.Net;
using System.Net.Sockets;
using Gemma2.Service.Limits;

namespace Gemma2.Service.Http.Access;

/// <summary>
/// Counts wrong keys by the address that they come from, says so in the log, and slows down who goes on guessing. A right key is never slowed, so that nobody can lock out others
/// behind the same proxy.
/// </summary>
internal sealed class FailedKeys(TimeProvider time, ILogger<FailedKeys> log)
{
    // A rotated key that a few clients still send, or a misspelt one, is no guessing.
    private const int FreeTries = 5;
    private const int MostAddresses = 10_000;
    private const int MostLinesAMinute = 20;

    // More are answered at once: who is slowed takes a connection of this server's too.
    private const int MostSlowed = 100;

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Forgotten = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LineInterval = TimeSpan.FromMinutes(1);

    private readonly Dictionary<IPAddress, Failures> _addresses = [];
    private readonly MinuteBucket _lines = new(MostLinesAMinute, time);
    private int _slowed;

    /// <summary>How many addresses are remembered.</summary>
    public int Addresses
    {
        get
        {
            lock (_addresses)
                return _addresses.Count;
        }
    }

    /// <summary>A wrong key came; waits as long as its sender is to wait for the answer.</summary>
    public async Task NoteAsync(IPAddress? address, CancellationToken cancellationToken)
    {
        TimeSpan delay = Count(NetworkOf(address ?? IPAddress.None));
        if (delay == TimeSpan.Zero)
            return;
        try
        {
            if (Interlocked.Increment(ref _slowed) <= MostSlowed)
                await Task.Delay(delay, time, cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _slowed);
        }
    }

    private TimeSpan Count(IPAddress address)
    {
        lock (_addresses)
        {
            long now = time.GetTimestamp();
            if (!_addresses.TryGetValue(address, out Failures? failures))
                failures = Add(address, now);
            if (time.GetElapsedTime(failures.LastAt, now) > Forgotten)
                failures.Recent = 0;
            failures.LastAt = now;
            failures.Recent++;
            failures.Untold++;
            Tell(address, failures, now);
            int slow = failures.Recent - FreeTries;
            return slow <= 0 ? TimeSpan.Zero : TimeSpan.FromTicks(Math.Min(FirstDelay.Ticks << Math.Min(slow - 1, 10), LongestDelay.Ticks));
        }
    }

    private Failures Add(IPAddress address, long now)
    {
        if (_addresses.Count >= MostAddresses)
            foreach (IPAddress old in _addresses.Where(entry => time.GetElapsedTime(entry.Value.LastAt, now) > Forgotten).Select(entry => entry.Key).ToList())
                _addresses.Remove(old);
        // Guesses from so many addresses at once cannot be told from each other any more.
        if (_addresses.Count >= MostAddresses)
            _addresses.Clear();
        return _addresses[address] = new Failures { LastAt = now };
    }

    private void Tell(IPAddress address, Failures failures, long now)
    {
        if ((failures.ToldAt is { } told && time.GetElapsedTime(told, now) < LineInterval) || _lines.TryTake(1) is not null)
            return;
        log.LogWarning("{Count} requests with a wrong API key from {Client}", failures.Untold, address);
        (failures.ToldAt, failures.Untold) = (now, 0);
    }

    /// <summary>Whoever has an IPv6 address has 2^64 of them.</summary>
    private static IPAddress NetworkOf(IPAddress address)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
            return address;
        byte[] bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes);
    }

    private sealed class Failures
    {
        public int Recent { get; set; }

        public int Untold { get; set; }

        public long LastAt { get; set; }

        public long? ToldAt { get; set; }
    }
}
