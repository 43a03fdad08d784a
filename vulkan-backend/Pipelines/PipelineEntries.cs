using System.IO.Compression;
using System.Text.RegularExpressions;

namespace Gemma2.Backend.Pipelines;

/// <summary>What is in an archive of compiled pipelines, as far as it can be believed.</summary>
internal sealed partial class PipelineEntries
{
    /// <summary>The entry of <see cref="CompiledShaders"/>.</summary>
    public const string Compiled = "compiled";

    /// <summary>What the names of checks that passed begin with.</summary>
    public const string Checks = "checks/";

    /// <summary>What the names of Mesa's files begin with.</summary>
    public const string Mesa = "mesa/";

    /// <summary>Most entries: Mesa keeps fewer, and so do checks.</summary>
    public const int Most = 20_000;

    private PipelineEntries(IReadOnlyDictionary<string, byte[]> all) => All = all;

    /// <summary>All entries by their names.</summary>
    public IReadOnlyDictionary<string, byte[]> All { get; }

    /// <summary>What was compiled; null where that is damaged or missing.</summary>
    /// <param name="key">Whose it shall be.</param>
    public CompiledShaders? CompiledOf(string key) =>
        All.TryGetValue(Compiled, out byte[]? bytes) && SealedBytes.TryOpen(key, bytes) is { } content ? CompiledShaders.TryParse(content) : null;

    /// <summary>Whether an archive may have an entry of a name. No part of a name begins with a point, so that none leads out of a folder.</summary>
    public static bool IsAllowed(string name) => Allowed().IsMatch(name);

    /// <summary>Opens an archive; null where it is damaged, another's, or larger than any is.</summary>
    /// <param name="key">Whose it shall be.</param>
    /// <param name="archive">The archive, or anything.</param>
    public static PipelineEntries? TryOpen(string key, ReadOnlyMemory<byte> archive)
    {
        if (SealedBytes.TryOpen(key, archive) is not { } content) return null;
        try
        {
            using var zip = new ZipArchive(new MemoryStream(content.ToArray(), writable: false), ZipArchiveMode.Read);
            if (zip.Entries.Count > Most || zip.Entries.Sum(entry => entry.Length) > PipelineFolder.MostBytes || !zip.Entries.All(entry => IsAllowed(entry.FullName))) return null;
            return new PipelineEntries(zip.Entries.ToDictionary(entry => entry.FullName, Read, StringComparer.Ordinal));
        }
        catch (Exception error) when (error is InvalidDataException or EndOfStreamException or OverflowException or ArgumentException)
        {
            return null;
        }
    }

    private static byte[] Read(ZipArchiveEntry entry)
    {
        using Stream stream = entry.Open();
        var content = new byte[entry.Length];
        stream.ReadExactly(content);
        return content;
    }

    [GeneratedRegex(@"^(compiled|checks/[0-9a-f]{32}|mesa/mesa_shader_cache[a-z_]{0,16}(/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,80}){1,4})\z")]
    private static partial Regex Allowed();
}
