using System.Globalization;
using System.Text.RegularExpressions;

namespace Gemma2.Backend.Formats.Files;

/// <summary>Which of a model's files are GGUF: one, or the parts that llama.cpp's gguf-split makes of one.</summary>
public static partial class GgufFiles
{
    /// <summary>The end of such a file's name.</summary>
    public const string Extension = ".gguf";

    /// <summary>The files of the model, in order; none where there are none.</summary>
    /// <exception cref="ModelException">They are several models, or a part is missing.</exception>
    public static IReadOnlyList<string> Find(IReadOnlyDictionary<string, long> listed, string model) =>
        OneModel([.. listed.Keys.Where(file => file.EndsWith(Extension, StringComparison.OrdinalIgnoreCase))], listed.Keys, model);

    /// <summary>The names of all parts that a file is one of: NAME-00001-of-00003.gguf and so on; the file's own name where it is whole.</summary>
    public static IReadOnlyList<string> PartsOf(string file) => Part().Match(file) is { Success: true, Groups: var groups }
        ? [.. Enumerable.Range(1, int.Parse(groups[2].ValueSpan, CultureInfo.InvariantCulture)).Select(part => $"{groups[1]}-{part:D5}-of-{groups[2]}{groups[3]}")]
        : [file];

    /// <summary>The files of the one model that these are.</summary>
    /// <param name="gguf">All GGUF files; may be none.</param>
    /// <param name="listed">All files.</param>
    /// <param name="model">The model's name, for messages.</param>
    /// <exception cref="ModelException">They are several models, or a part is missing.</exception>
    public static IReadOnlyList<string> OneModel(IReadOnlyCollection<string> gguf, IEnumerable<string> listed, string model)
    {
        if (gguf.Count == 0) return [];
        string first = gguf.Order(StringComparer.Ordinal).First();
        IReadOnlyList<string> parts = PartsOf(first);
        if (parts.FirstOrDefault(part => !listed.Contains(part)) is { } missing) throw new ModelException($"{model}: has no {missing}, which belongs to {first}.");
        return parts.Count == gguf.Count ? parts : throw new ModelException($"{model}: has several {Extension} models; name the file to be read.");
    }

    [GeneratedRegex(@"^(.+)-[0-9]{5}-of-(00[0-9]{3})(\.gguf)?\z", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Part();
}
