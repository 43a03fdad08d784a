using System.Globalization;
using System.Text;

namespace Gemma2.Benchmarks.Blobs;

/// <summary>The head of a request.</summary>
/// <param name="Method">Its method.</param>
/// <param name="Path">Its path without the account, not encoded.</param>
/// <param name="Query">Its query.</param>
/// <param name="Headers">Its headers.</param>
internal sealed record BlobRequest(string Method, string Path, IReadOnlyDictionary<string, string> Query, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>How many bytes follow the head.</summary>
    public int BodyLength => Headers.TryGetValue("Content-Length", out string? length) ? int.Parse(length, CultureInfo.InvariantCulture) : 0;

    /// <summary>Reads a head.</summary>
    public static BlobRequest Parse(ReadOnlySpan<byte> head)
    {
        string[] lines = Encoding.ASCII.GetString(head).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        string[] first = lines[0].Split(' ');
        string[] target = first[1].Split('?', 2);
        string[] path = target[0].Split('/', 3);
        return new BlobRequest(
            first[0],
            Uri.UnescapeDataString(path.Length > 2 ? path[2] : ""),
            target.ElementAtOrDefault(1)?.Split('&').Select(pair => pair.Split('=', 2)).ToDictionary(pair => pair[0], pair => Uri.UnescapeDataString(pair.ElementAtOrDefault(1) ?? "")) ?? [],
            lines.Skip(1).Select(line => line.Split(':', 2)).ToDictionary(pair => pair[0], pair => pair[1].Trim(), StringComparer.OrdinalIgnoreCase));
    }

    /// <summary>Which bytes of a blob it asks for, and whether it names a range of them.</summary>
    public (long Begin, long End, bool IsPart) Range(long length)
    {
        if (!(Headers.TryGetValue("x-ms-range", out string? range) || Headers.TryGetValue("Range", out range))) return (0, length, false);
        string[] ends = range["bytes=".Length..].Split('-');
        long begin = long.Parse(ends[0], CultureInfo.InvariantCulture);
        return (begin, ends[1].Length == 0 ? length : Math.Min(length, long.Parse(ends[1], CultureInfo.InvariantCulture) + 1), true);
    }
}
