using System.Globalization;
using System.Text.RegularExpressions;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Safetensors;

/// <summary>
/// Which of a folder's files are the model's weights: model.safetensors, else those that an index names, else the parts of one file, else all that there are.
/// </summary>
/// <param name="Names">Their names, in order.</param>
/// <param name="Index">Tensor names and the file of each, where there is an index.</param>
/// <param name="IndexFile">The index's name.</param>
internal sealed partial record SafetensorsFiles(IReadOnlyList<string> Names, IReadOnlyDictionary<string, string>? Index = null, string IndexFile = "")
{
    /// <summary>What a model's weights are called where they are in one file.</summary>
    public const string SingleFile = "model" + Extension;

    /// <summary>What the index is called where they are in several.</summary>
    public const string UsualIndex = "model" + IndexExtension;

    private const string Extension = ".safetensors", IndexExtension = Extension + ".index.json";
    private const int LongestIndex = 4 << 20;

    // What tools of training and conversion leave beside a model's own files: adapters, states, the makers' own format.
    private static readonly string[] _others = ["adapter_model", "optimizer", "scheduler", "training_state", "consolidated", "rng_state"];

    /// <summary>Whether there are any, by name.</summary>
    public static bool AreIn(IReadOnlyDictionary<string, long> listed) => listed.Keys.Any(file => IsWeights(file) || file.EndsWith(IndexExtension, StringComparison.Ordinal));

    /// <summary>Finds them by name.</summary>
    /// <exception cref="ModelException">There are none or several models, or one that belongs to them is missing.</exception>
    public static async Task<SafetensorsFiles> FindAsync(IModelSource source, IReadOnlyDictionary<string, long> listed, CancellationToken cancellationToken)
    {
        if (listed.ContainsKey(SingleFile)) return new SafetensorsFiles([SingleFile]);
        string[] indexes = [.. listed.Keys.Where(file => file.EndsWith(IndexExtension, StringComparison.Ordinal))];
        string? index = indexes.Contains(UsualIndex) ? UsualIndex : indexes.Length == 1 ? indexes[0] : null;
        if (index is not null) return await ReadIndexAsync(source, listed, index, cancellationToken);

        string[] all = [.. listed.Keys.Where(IsWeights).Order(StringComparer.Ordinal)];
        string[] weights = [.. all.Where(file => !_others.Any(other => file.StartsWith(other, StringComparison.Ordinal)))];
        if (weights.Length == 0) weights = all;
        if (weights.Length == 0) throw new ModelException($"{source.Name}: has no weights: neither {SingleFile} nor {UsualIndex}.");
        string[][] split = [.. weights.Where(file => Part().IsMatch(file)).Select(PartsOf).DistinctBy(parts => parts[0])];
        if (split.Length == 0) return new SafetensorsFiles(weights);
        if (split.Length > 1) throw new ModelException($"{source.Name}: has weights twice, in {split[0][0]} and in {split[1][0]} and so on; leave one of them in the folder.");
        return Array.Find(split[0], part => !listed.ContainsKey(part)) is { } missing
            ? throw new ModelException($"{source.Name}: has no {missing}, which belongs to {weights.First(file => split[0].Contains(file))}.")
            : new SafetensorsFiles(split[0]);
    }

    /// <summary>Checks that the files hold what the index says.</summary>
    /// <param name="tensors">The tensors. An output matrix may be there without the index, as some tools write it, or not there although the index has it.</param>
    /// <param name="model">The model's name, for messages.</param>
    /// <exception cref="ModelException">One is elsewhere, or nowhere.</exception>
    public void Check(IEnumerable<TensorEntry> tensors, string model)
    {
        if (Index is null) return;
        Dictionary<string, string> missing = new(Index, StringComparer.Ordinal);
        foreach (TensorEntry tensor in tensors)
        {
            if ((!missing.Remove(tensor.Name, out string? file) || file != tensor.File) && tensor.Name != TensorNames.Head)
                throw new ModelException($"{model}/{tensor.File}: holds {ModelJson.Show(tensor.Name)}, which {IndexFile} does not place there.");
        }

        missing.Remove(TensorNames.Head);
        foreach ((string name, string file) in missing.Take(1))
            throw new ModelException($"{model}/{file}: does not hold {ModelJson.Show(name)}, which {IndexFile} places there.");
    }

    private static async Task<SafetensorsFiles> ReadIndexAsync(
        IModelSource source, IReadOnlyDictionary<string, long> listed, string index, CancellationToken cancellationToken)
    {
        byte[] json = await ModelStream.ReadFileAsync(source, listed, index, LongestIndex, cancellationToken);
        IReadOnlyDictionary<string, string> places = ShardIndex.Parse(json, $"{source.Name}/{index}");
        string[] names = [.. places.Values.Distinct().Order(StringComparer.Ordinal)];
        return Array.Find(names, name => !listed.ContainsKey(name)) is { } missing
            ? throw new ModelException($"{source.Name}: {index} names {missing}, which is missing.")
            : new SafetensorsFiles(names, Standard(places), index);
    }

    /// <summary>The index with the names that tensors are known by, without leftovers.</summary>
    private static Dictionary<string, string> Standard(IReadOnlyDictionary<string, string> places)
    {
        Dictionary<string, string> standard = new(StringComparer.Ordinal);
        foreach ((string name, string file) in places.Where(place => Leftovers.KindOf(place.Key) is null)) standard.TryAdd(HuggingFaceNames.ToStandard(name), file);
        return standard;
    }

    private static string[] PartsOf(string file)
    {
        GroupCollection groups = Part().Match(file).Groups;
        return [.. Enumerable.Range(1, int.Parse(groups[2].ValueSpan, CultureInfo.InvariantCulture)).Select(part => $"{groups[1]}-{part:D5}-of-{groups[2]}{Extension}")];
    }

    private static bool IsWeights(string file) => file.EndsWith(Extension, StringComparison.Ordinal);

    [GeneratedRegex(@"^(.+)-[0-9]{5}-of-(00[0-9]{3})\.safetensors\z", RegexOptions.CultureInvariant)]
    private static partial Regex Part();
}
