using System.Text.Json;

namespace Gemma2.Storage.Limits;

/// <summary>What a process got of a minute's amount.</summary>
/// <param name="Granted">How much is its own now; 0 where there was not as much as it needs.</param>
/// <param name="Left">What nobody has claimed yet.</param>
/// <param name="UntilEnd">How long the minute still lasts, by storage's clock: what was granted is gone then.</param>
public readonly record struct MinuteClaim(long Granted, long Left, TimeSpan UntilEnd);

/// <summary>
/// Amounts that all processes share, so much in each minute of storage's clock: a process claims a part before it uses it, and gives nothing back. Blobs <c>_limits/NAME.json</c> of the
/// container <c>batches</c>, changed with ETags: however many claim at once, never more than the amount is granted.
/// </summary>
/// <param name="connection">The storage account.</param>
public sealed class MinuteClaims(StorageConnection connection)
{
    private const long SecondsOfAMinute = 60;

    /// <summary>Claims a part of this minute's amount.</summary>
    /// <param name="name">Which amount: whose and what of.</param>
    /// <param name="amount">All that there is in a minute.</param>
    /// <param name="needed">With less the process can do nothing.</param>
    /// <param name="wanted">So much if there is as much, no less than what is needed.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<MinuteClaim> ClaimAsync(string name, long amount, long needed, long wanted, CancellationToken cancellationToken)
    {
        string blob = $"_limits/{name}.json";
        while (true)
        {
            DateTimeOffset now = connection.UtcNow;
            long minute = now.ToUnixTimeSeconds() / SecondsOfAMinute;
            VersionedBlob? there = await VersionedBlobs.TryReadAsync(connection, StorageNames.Batches, blob, cancellationToken);
            Claims claims = there is null ? default : Parse(blob, there.Json);
            // Another's idea of the time may be a little ahead: its minute is the one that counts then.
            long taken = claims.Minute >= minute ? claims.Taken : 0, left = Math.Max(amount - taken, 0);
            TimeSpan untilEnd = DateTimeOffset.FromUnixTimeSeconds((Math.Max(minute, claims.Minute) + 1) * SecondsOfAMinute) - now;
            if (untilEnd > TimeSpan.FromMinutes(2))
                throw new StorageException($"The blob {StorageNames.Batches}/{blob} is of a minute that has not come yet.");
            if (left < needed)
                return new MinuteClaim(0, left, untilEnd);
            long granted = Math.Min(Math.Max(wanted, needed), left);
            if (await TryWriteAsync(blob, there, new Claims(Math.Max(minute, claims.Minute), taken + granted), cancellationToken))
                return new MinuteClaim(granted, left - granted, untilEnd);
        }
    }

    private async Task<bool> TryWriteAsync(string blob, VersionedBlob? there, Claims claims, CancellationToken cancellationToken)
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(claims, MinuteClaimsJson.Default.Claims);
        return there is null
            ? await SmallBlobs.WriteOnceAsync(connection, StorageNames.Batches, blob, json, cancellationToken) == WriteOutcome.Written
            : await VersionedBlobs.TryReplaceAsync(connection, StorageNames.Batches, blob, json, there.Version, cancellationToken);
    }

    private static Claims Parse(string blob, ReadOnlyMemory<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json.Span, MinuteClaimsJson.Default.Claims);
        }
        catch (JsonException e)
        {
            throw new StorageException($"The blob {StorageNames.Batches}/{blob} is not what is claimed of a limit.", inner: e);
        }
    }

    internal readonly record struct Claims(long Minute, long Taken);
}
