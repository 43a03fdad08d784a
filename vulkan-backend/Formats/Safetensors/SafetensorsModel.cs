using System.Buffers.Binary;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Safetensors;

/// <summary>Opens a model in Hugging Face's format: config.json, tokenizer.model, and one safetensors file or several with an index.</summary>
internal static class SafetensorsModel
{
    /// <summary>The configuration beside the weights.</summary>
    public const string ConfigFile = "config.json";

    private const string SingleFile = "model.safetensors";
    private const string IndexFile = "model.safetensors.index.json";
    private const int LongestConfig = 1 << 20;
    private const int LongestIndex = 4 << 20;

    /// <summary>Opens a model.</summary>
    /// <param name="source">The model.</param>
    /// <param name="listed">Its files and their lengths.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ModelException">A file is missing or malformed, or the files do not fit each other.</exception>
    public static async Task<OpenModel> OpenAsync(IModelSource source, IReadOnlyDictionary<string, long> listed, CancellationToken cancellationToken)
    {
        byte[] json = await ModelStream.ReadFileAsync(source, listed, ConfigFile, LongestConfig, cancellationToken);
        List<string> notes = [];
        Gemma2Config config = Gemma2Config.Parse(json, $"{source.Name}/{ConfigFile}", notes);
        GemmaTokenizer? tokenizer = await SentencePieceModel.ReadAsync(source, config, cancellationToken);
        GenerationConfigFile generation = await GenerationConfigFile.ReadAsync(source, listed, config.VocabularySize, notes, cancellationToken);
        ChatTemplateText? template = await FolderChatTemplate.ReadAsync(source, listed, cancellationToken);
        var description = new ModelDescription
        {
            Config = config with { EndTokens = EndTokens.Of([.. config.EndTokens, .. generation.EndTokens], tokenizer, config.VocabularySize) },
            Tokenizer = tokenizer,
            ChatTemplate = tokenizer is null ? null : ChatTemplate.Of(tokenizer, template),
            Sampling = generation.Sampling,
            Notes = notes,
        };
        return new OpenModel(description, await OpenFilesAsync(source, listed, config, cancellationToken));
    }

    private static async Task<IReadOnlyList<WeightFile>> OpenFilesAsync(
        IModelSource source, IReadOnlyDictionary<string, long> listed, Gemma2Config config, CancellationToken cancellationToken)
    {
        IReadOnlyDictionary<string, string>? index = listed.ContainsKey(SingleFile) ? null : await ReadIndexAsync(source, listed, cancellationToken);
        List<WeightFile> files = [];
        try
        {
            IEnumerable<string> names = index is null ? [SingleFile] : index.Values.Distinct().Order(StringComparer.Ordinal);
            foreach (string name in names)
            {
                if (!listed.TryGetValue(name, out long length)) throw new ModelException($"{source.Name}: {IndexFile} names {name}, which is missing.");
                files.Add(await OpenFileAsync(source, name, length, cancellationToken));
            }

            TensorEntry[] tensors = [.. files.SelectMany(file => file.Tensors)];
            if (index is not null) CheckIndex(index, tensors, source.Name);
            TensorCatalog.Check(tensors, config, source.Name);
            return files;
        }
        catch
        {
            foreach (WeightFile file in files) await file.DisposeAsync();
            throw;
        }
    }

    private static async Task<WeightFile> OpenFileAsync(IModelSource source, string file, long length, CancellationToken cancellationToken)
    {
        string label = $"{source.Name}/{file}";
        if (length < SafetensorsHeader.PrefixLength) throw new ModelException($"{label}: is {length} bytes long: this is not a safetensors file.");
        IModelFile opened = await source.OpenAsync(file, cancellationToken);
        var stream = new ModelFileStream(opened);
        try
        {
            byte[] prefix = new byte[SafetensorsHeader.PrefixLength];
            await ModelStream.ReadAsync(stream, prefix, label, cancellationToken);
            byte[] header = new byte[SafetensorsHeader.CheckLength(BinaryPrimitives.ReadUInt64LittleEndian(prefix), length, source.Name, file)];
            await ModelStream.ReadAsync(stream, header, label, cancellationToken);
            return new WeightFile(opened, stream, source.Name, file, SafetensorsHeader.Parse(header, length, source.Name, file), length);
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
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
