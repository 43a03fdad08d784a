using System.Globalization;

namespace Gemma2.Service.Options;

/// <summary>How much a key may have in storage and in hand at once; 0 means as much as it likes.</summary>
/// <param name="Bytes">Bytes of its files, those that its batches made included.</param>
/// <param name="Jobs">Jobs that have not ended.</param>
/// <param name="Batches">Batches that have not ended.</param>
internal readonly record struct KeyQuota(long Bytes, int Jobs, int Batches)
{
    /// <summary>Stands for every key that is not named.</summary>
    public const string Others = "*";

    /// <summary>What a list of quotas looks like, for messages.</summary>
    public const string Allowed = "NAME=BYTES/JOBS/BATCHES, separated by single commas, each name once and one of Gemma2__ApiKeys, or * for all others; "
        + "numbers from 0 (no limit) to 1000000000, bytes also with K, M or G behind them";

    private const int Most = 1_000_000_000;

    /// <summary>Reads a list of quotas; null when it is not <see cref="Allowed"/>.</summary>
    /// <param name="list">The list.</param>
    /// <param name="names">The names that there are.</param>
    public static IReadOnlyDictionary<string, KeyQuota>? TryParseList(string list, IReadOnlySet<string> names)
    {
        var quotas = new Dictionary<string, KeyQuota>();
        foreach (string entry in list.Split(',', StringSplitOptions.TrimEntries))
        {
            if (entry.Split('=') is not [var name, var numbers] || numbers.Split('/') is not [var bytes, var jobs, var batches]
                || !(name == Others || names.Contains(name)) || !TryParseBytes(bytes, out long size) || !TryParse(jobs, out int most) || !TryParse(batches, out int mostBatches)
                || !quotas.TryAdd(name, new KeyQuota(size, most, mostBatches)))
                return null;
        }
        return quotas;
    }

    private static bool TryParseBytes(string text, out long bytes)
    {
        int shift = text.Length == 0 ? 0 : char.ToUpperInvariant(text[^1]) switch { 'K' => 10, 'M' => 20, 'G' => 30, _ => 0 };
        bool isNumber = TryParse(shift > 0 ? text[..^1] : text, out int number);
        bytes = (long)number << shift;
        return isNumber;
    }

    private static bool TryParse(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= Most;
}
