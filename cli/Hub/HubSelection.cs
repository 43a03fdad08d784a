using Gemma2.Backend.Formats.Files;
using Gemma2.Storage.Models;

namespace Gemma2.Cli.Hub;

/// <summary>Which files of a repository are the model that was asked for.</summary>
internal static class HubSelection
{
    // As many as fit one line of a message.
    private const int LongestList = 300;

    private static readonly string[] _otherWeights = [".bin", ".pt", ".pth", ".ckpt", ".onnx", ".h5", ".msgpack", ".npz", ".task", ".tflite"];

    /// <summary>The model's files.</summary>
    /// <exception cref="HubException">The repository has none, or several, or not the one that was named.</exception>
    public static IReadOnlyList<HubEntry> Select(HubReference reference, HubRepository repository)
    {
        Dictionary<string, HubEntry> files = repository.Files.DistinctBy(file => file.Path).ToDictionary(file => file.Path, StringComparer.Ordinal);
        HubEntry[] chosen = [.. Paths(reference, files.Keys).Select(path => files.TryGetValue(path, out HubEntry? file)
            ? file
            : throw new HubException($"{reference.Label} has no {path}, which belongs to the model."))];
        foreach (HubEntry file in chosen)
        {
            if (!ModelName.IsValid(NameOf(file.Path))) throw new HubException($"{reference.Label} has a file whose name is not usable: '{file.Path}'.");
        }
        return chosen;
    }

    /// <summary>The plain name of a file, whatever folder it is in.</summary>
    public static string NameOf(string path) => path[(path.LastIndexOf('/') + 1)..];

    private static IEnumerable<string> Paths(HubReference reference, IReadOnlyCollection<string> there)
    {
        string[] models = [.. there.Where(IsGguf).Select(path => GgufFiles.PartsOf(path)[0]).Distinct().Order(StringComparer.Ordinal)];
        if (reference.File is { } file) return GgufFiles.PartsOf(Named(reference, file, there, models));
        string[] root = [.. there.Where(path => !path.Contains('/'))];
        if (ModelFileNames.IsFolder(root)) return ModelFileNames.OfFolder(root);
        return models switch
        {
            [var only] => GgufFiles.PartsOf(only),
            [] => throw new HubException($"{reference.Label} has neither config.json with *.safetensors nor a {GgufFiles.Extension} file{Others(there)}."),
            _ => throw new HubException($"{reference.Label} has several {GgufFiles.Extension} models; name one as {reference.Label}:FILE. There are: {List(models)}."),
        };
    }

    /// <summary>The file of that path, or the one model whose name ends so: "Q4_K_M" is enough.</summary>
    private static string Named(HubReference reference, string file, IReadOnlyCollection<string> there, string[] models)
    {
        if (there.Contains(file)) return IsGguf(file) ? file : throw new HubException($"{reference.Label}: {file} is not a {GgufFiles.Extension} file.");
        string[] ending = [.. models.Where(model => EndsWith(Stem(model), file))];
        if (ending.Length == 1) return ending[0];
        string what = ending.Length == 0 ? $"has no {GgufFiles.Extension} file '{file}'" : $"has several {GgufFiles.Extension} models '{file}'";
        throw new HubException(models.Length == 0 ? $"{reference.Label} {what}." : $"{reference.Label} {what}. There are: {List(ending.Length == 0 ? models : ending)}.");
    }

    /// <summary>What it has in place of weights that are read.</summary>
    private static string Others(IEnumerable<string> there) =>
        there.Order(StringComparer.Ordinal).FirstOrDefault(path => _otherWeights.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase)) is { } other
            ? $"; {other} is of another format, which is not read"
            : "";

    private static bool EndsWith(string stem, string ending) =>
        stem.EndsWith(ending, StringComparison.OrdinalIgnoreCase) && (stem.Length == ending.Length || !char.IsAsciiLetterOrDigit(stem[^(ending.Length + 1)]));

    /// <summary>A file's name without extension and part.</summary>
    private static string Stem(string path)
    {
        string name = NameOf(path);
        int part = GgufFiles.PartsOf(path).Count > 1 ? "-00001-of-00001".Length : 0;
        return name[..^(GgufFiles.Extension.Length + part)];
    }

    private static string List(string[] models)
    {
        string all = string.Join(", ", models);
        if (all.Length <= LongestList) return all;
        string first = Stem(models[0]);
        int common = Enumerable.Range(0, first.Length).TakeWhile(index => models.All(model => Stem(model).StartsWith(first[..(index + 1)], StringComparison.Ordinal))).Count();
        int begin = first[..common].LastIndexOfAny(['-', '.', '_']) + 1;
        return string.Join(", ", models.Select(model => Stem(model)[begin..]));
    }

    private static bool IsGguf(string path) => path.EndsWith(GgufFiles.Extension, StringComparison.OrdinalIgnoreCase);
}
