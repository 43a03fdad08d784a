using System.Globalization;
using System.Text;
using Gemma2.Backend;

namespace Gemma2.Storage.Batches;

/// <summary>
/// Which lines of a batch a reader of results has been given: all up to one, and others beyond it, since lines do not end in their order. As text it is what
/// results are asked for <c>after</c>: <c>12</c>, or <c>12,15,18-20</c>. Where the batch has ended, <c>@OUTPUT-ERRORS</c> behind it says where in its files the
/// next lines begin, in bytes.
/// </summary>
internal sealed class GivenLines
{
    /// <summary>So many ranges at most are told apart: as text they must fit an address.</summary>
    public const int MaxRanges = 200;

    private const int LongestText = 6_000;

    // In their order, never next to each other. The first begins with line 1, and may be empty.
    private readonly List<(int First, int Last)> _ranges = [(1, 0)];

    /// <summary>All lines up to this one were given.</summary>
    public int UpTo => _ranges[0].Last;

    /// <summary>Where the next lines begin in the files of a batch that has ended; null where that is not known.</summary>
    public (long Output, long Errors)? Offsets { get; set; }

    /// <summary>True where one more range would be one too many.</summary>
    public bool IsFull => _ranges.Count >= MaxRanges;

    /// <summary>Reads what a request says.</summary>
    /// <exception cref="InvalidRequestException">It is nothing that was given out.</exception>
    public static GivenLines Parse(string? after)
    {
        var given = new GivenLines();
        if (string.IsNullOrEmpty(after)) return given;
        return after.Length <= LongestText && given.TryRead(after) ? given : throw Refused();
    }

    /// <summary>It is nothing that was given out.</summary>
    public static InvalidRequestException Refused() =>
        new("after", "after is not usable; allowed are the number of a line, up to which all results are known, and what was given as next_after.");

    /// <summary>Whether a line was given.</summary>
    public bool Contains(int line) => Find(line) is var index && index >= 0 && _ranges[index].Last >= line;

    /// <summary>How many of some lines were given.</summary>
    public int CountIn(int first, int last) => _ranges.Sum(range => Math.Max(0, Math.Min(last, range.Last) - Math.Max(first, range.First) + 1));

    /// <summary>Adds lines that were given, or are none.</summary>
    public void Add(int first, int last)
    {
        int at = _ranges.FindIndex(range => range.Last >= first - 1);
        if (at < 0) at = _ranges.Count;
        while (at < _ranges.Count && _ranges[at].First <= last + 1)
        {
            (first, last) = (Math.Min(first, _ranges[at].First), Math.Max(last, _ranges[at].Last));
            _ranges.RemoveAt(at);
        }
        _ranges.Insert(at, (first, last));
        if (_ranges[0].First != 1) _ranges.Insert(0, (1, 0));
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{UpTo}");
        foreach ((int first, int last) in _ranges.Skip(1))
        {
            text.Append(CultureInfo.InvariantCulture, $",{first}");
            if (last > first) text.Append(CultureInfo.InvariantCulture, $"-{last}");
        }
        if (Offsets is { } offsets) text.Append(CultureInfo.InvariantCulture, $"@{offsets.Output}-{offsets.Errors}");
        return text.ToString();
    }

    /// <summary>The last range that begins with a line or before it; -1 where none does.</summary>
    private int Find(int line) => _ranges.FindLastIndex(range => range.First <= line);

    private bool TryRead(string text)
    {
        string[] parts = text.Split('@');
        if (parts.Length > 2) return false;
        if (parts.Length == 2)
        {
            if (Pair(parts[1]) is not ({ } output, { } errors)) return false;
            Offsets = (output, errors);
        }
        string[] ranges = parts[0].Split(',');
        if (ranges.Length > MaxRanges || Number(ranges[0]) is not { } upTo) return false;
        _ranges[0] = (1, (int)upTo);
        foreach (string range in ranges.Skip(1))
        {
            (long? first, long? last) = range.Contains('-', StringComparison.Ordinal) ? Pair(range) : (Number(range), Number(range));
            if (first is null || last is null || first <= _ranges[^1].Last + 1L || last < first) return false;
            _ranges.Add(((int)first, (int)last));
        }
        return true;
    }

    private static (long? First, long? Last) Pair(string text) => text.Split('-') is [var first, var last] ? (Number(first), Number(last)) : (null, null);

    // No file has as many bytes, and no input as many lines.
    private static long? Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < int.MaxValue ? number : null;
}
