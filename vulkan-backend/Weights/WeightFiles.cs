using Gemma2.Backend.Model;

namespace Gemma2.Backend.Weights;

/// <summary>All weight files of a model, open: their headers are read and agree with the index and the configuration.</summary>
internal sealed class WeightFiles : IAsyncDisposable
{
    private const string SingleFile = "model.safetensors";
    private const string IndexFile = "model.safetensors.index.json";
    private const int LongestIndex = 4 << 20;

    private readonly List<WeightFile> _files = [];

    private WeightFiles()
    {
    }

    /// <summary>The files, in the order in which they are read.</summary>
    public IReadOnlyList<WeightFile> Files => _files;

    /// <summary>The tensors of all files, in the order in which they are read.</summary>
    public IEnumerable<TensorEntry> Tensors => _files.SelectMany(file => file.Tensors);

    /// <summary>Opens a model's weight files.</summary>
    /// <exception cref="ModelException">A file is missing or malformed, or the files do not fit the index or the configuration.</exception>
    public static async Task<WeightFiles> OpenAsync(IModelSource source, Gemma2Config config, CancellationToken cancellationToken)
    {
        IReadOnlyDictionary<string, long> listed = await source.ListAsync(cancellationToken);
        IReadOnlyDictionary<string, string>? index = listed.ContainsKey(SingleFile) ? null : await ReadIndexAsync(source, listed, cancellationToken);
        WeightFiles files = new();
        try
        {
            IEnumerable<string> names = index is null ? [SingleFile] : index.Values.Distinct().Order(StringComparer.Ordinal);
            foreach (string name in names)
            {
                if (!listed.TryGetValue(name, out long length)) throw new ModelException($"{source.Name}: {IndexFile} names {name}, which is missing.");
                files._files.Add(await WeightFile.OpenAsync(source, name, length, cancellationToken));
            }

            if (index is not null) CheckIndex(index, files.Tensors, source.Name);
            TensorCatalog.Check([.. files.Tensors], config, source.Name);
            return files;
        }
        catch
        {
            await files.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (WeightFile file in _files) await file.DisposeAsync();
    }

    private static async Task<IReadOnlyDictionary<string, string>> ReadIndexAsync(
        IModelSource source, IReadOnlyDictionary<string, long> listed, CancellationToken cancellationToken)
    {
        if (!listed.ContainsKey(IndexFile)) throw new ModelException($"{source.Name}: has no weights: neither {SingleFile} nor {IndexFile}.");
        byte[] json = await ModelStream.ReadFileAsync(source, listed, IndexFile, LongestIndex, cancellationToken);
        return ShardIndex.Parse(json, $"{source.Name}/{IndexFile}");
    }

    private static void CheckIndex(IReadOnlyDictionary<string, string> index, IEnumerable<TensorEntry> tensors, string model)
    {
        Dictionary<string, string> missing = new(index, StringComparer.Ordinal);
        foreach (TensorEntry tensor in tensors)
        {
            if (!missing.Remove(tensor.Name, out string? file) || file != tensor.File)
                throw new ModelException($"{model}/{tensor.File}: holds {ModelJson.Show(tensor.Name)}, which {IndexFile} does not place there.");
        }

        foreach ((string name, string file) in missing.Take(1))
            throw new ModelException($"{model}/{file}: does not hold {ModelJson.Show(name)}, which {IndexFile} places there.");
    }
}
