using System.Globalization;
using System.Text.RegularExpressions;
using Gemma2.Backend;

namespace Gemma2.Storage.Batches;

/// <summary>What a new batch may be made from.</summary>
internal static partial class NewBatchRules
{
    private const int MostNotes = 16;
    private const int LongestKey = 64;
    private const int LongestValue = 512;

    private static readonly TimeSpan ShortestWindow = TimeSpan.FromHours(1);
    private static readonly TimeSpan LongestWindow = TimeSpan.FromDays(7);

    /// <summary>Looks at all but the file.</summary>
    /// <exception cref="InvalidRequestException">Names what is wrong and says what is allowed.</exception>
    public static void Check(NewBatch batch)
    {
        if (BatchEndpoint.TryFind(batch.Endpoint) is null)
            throw new InvalidRequestException("endpoint", $"The endpoint is not supported; allowed are {BatchEndpoint.Allowed}.");
        CheckMetadata(batch.Metadata);
        Window(batch.CompletionWindow);
    }

    /// <summary>A window's length.</summary>
    /// <exception cref="InvalidRequestException">It is not allowed.</exception>
    public static TimeSpan Window(string window)
    {
        int number = WindowPattern().IsMatch(window) ? int.Parse(window.AsSpan(0, window.Length - 1), CultureInfo.InvariantCulture) : 0;
        TimeSpan length = window.EndsWith('d') ? TimeSpan.FromDays(number) : TimeSpan.FromHours(number);
        return length >= ShortestWindow && length <= LongestWindow
            ? length
            : throw new InvalidRequestException("completion_window", "The completion window is not usable; allowed are 1h to 168h and 1d to 7d.");
    }

    private static void CheckMetadata(IReadOnlyDictionary<string, string>? metadata)
    {
        if (metadata is null) return;
        if (metadata.Count > MostNotes) throw new InvalidRequestException("metadata", $"The metadata has {metadata.Count} entries; allowed are {MostNotes}.");
        if (metadata.Any(note => note.Key.Length is 0 or > LongestKey || note.Value.Length > LongestValue))
        {
            throw new InvalidRequestException(
                "metadata", $"The metadata has a key or value that is too long; allowed are keys of 1 to {LongestKey} characters and values of up to {LongestValue}.");
        }
    }

    [GeneratedRegex(@"^[0-9]{1,3}[hd]\z")]
    private static partial Regex WindowPattern();
}
