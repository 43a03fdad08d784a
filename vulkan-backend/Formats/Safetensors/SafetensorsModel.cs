using System.Buffers.Binary;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Tokenizers;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Safetensors;

/// <summary>Opens a model in Hugging Face's format: config.json, tokenizer.model, and one safetensors file or several.</summary>
internal static class SafetensorsModel
{
    /// <summary>The configuration beside the weights.</summary>
    public const string ConfigFile = "config.json";

    private const int LongestConfig = 1 << 20;

    /// <summary>Opens a model whose weight files are known by their names.</summary>
    /// <param name="source">The model.</param>
    /// <param name="listed">Its files and their lengths.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ModelException">A file is missing or malformed, or the files do not fit each other.</exception>
    public static Task<OpenModel> OpenAsync(IModelSource source, IReadOnlyDictionary<string, long> listed, CancellationToken cancellationToken) =>
        OpenAsync(source, listed, weights: null, cancellationToken);

    /// <summary>Opens a model.</summary>
    /// <param name="source">The model.</param>
    /// <param name="listed">Its files and their lengths.</param>
    /// <param name="weights">Its weight files, whatever they are called; null: those that are named as such.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ModelException">A file is missing or malformed, or the files do not fit each other.</exception>
    public static async Task<OpenModel> OpenAsync(
        IModelSource source, IReadOnlyDictionary<string, long> listed, IReadOnlyList<string>? weights, CancellationToken cancellationToken)
    {
        byte[] json = await ModelStream.ReadFileAsync(source, listed, ConfigFile, LongestConfig, cancellationToken);
        List<string> notes = [];
        Gemma2Config config = Gemma2Config.Parse(json, $"{source.Name}/{ConfigFile}", notes);
        GemmaTokenizer? tokenizer = await FolderVocabulary.ReadAsync(source, listed, config.VocabularySize, notes, cancellationToken);
        GenerationConfigFile generation = await GenerationConfigFile.ReadAsync(source, listed, config.VocabularySize, notes, cancellationToken);
        ChatTemplateText? template = await FolderChatTemplate.ReadAsync(source, listed, cancellationToken);
        var description = new ModelDescription
        {
            Config = config with
            {
                EndTokens = EndTokens.Of([.. config.EndTokens, .. generation.EndTokens], tokenizer, config.VocabularySize),
                SpareTokens = tokenizer?.SpareTokens ?? [],
            },
            Tokenizer = tokenizer,
            Sampling = generation.Sampling,
            Notes = notes,
        }.WithChatTemplate(template);
        SafetensorsFiles files = weights is null ? await SafetensorsFiles.FindAsync(source, listed, cancellationToken) : new SafetensorsFiles(weights);
        return new OpenModel(description, await OpenFilesAsync(source, listed, files, config, notes, cancellationToken));
    }

    private static async Task<IReadOnlyList<WeightFile>> OpenFilesAsync(
        IModelSource source, IReadOnlyDictionary<string, long> listed, SafetensorsFiles named, Gemma2Config config, List<string> notes, CancellationToken cancellationToken)
    {
        List<WeightFile> files = [];
        try
        {
            List<string> leftAside = [];
            foreach (string name in named.Names) files.Add(await OpenFileAsync(source, name, listed[name], leftAside, cancellationToken));
            notes.AddRange(Leftovers.Notes(leftAside));
            TensorEntry[] tensors = [.. files.SelectMany(file => file.Tensors)];
            named.Check(tensors, source.Name);
            TensorCatalog.Check(tensors, config, source.Name);
            await OutputMatrix.ResolveAsync(source, files, notes, cancellationToken: cancellationToken);
            if (!config.TiesWordEmbeddings && !Array.Exists(tensors, tensor => tensor.Name == TensorNames.Head))
                notes.Add($"{ConfigFile} says tie_word_embeddings: false, but no file holds {TensorNames.Head}: the embedding is the output matrix.");
            return files;
        }
        catch
        {
            foreach (WeightFile file in files) await file.DisposeAsync();
            throw;
        }
    }

    private static async Task<WeightFile> OpenFileAsync(IModelSource source, string file, long length, List<string> leftAside, CancellationToken cancellationToken)
    {
        string label = $"{source.Name}/{file}";
        if (length < SafetensorsHeader.PrefixLength) throw new ModelException($"{label}: is {length} bytes long: this is not a safetensors file.");
        IModelFile opened = await source.OpenAsync(file, cancellationToken);
        var stream = new ModelFileStream(opened);
        try
        {
            byte[] prefix = new byte[SafetensorsHeader.PrefixLength];
            await ModelStream.ReadAsync(stream, prefix, label, cancellationToken);
            CheckContents([.. prefix, .. stream.Rest.Span[..Math.Min(stream.Rest.Length, FileContents.PrefixBytes - prefix.Length)]], length, label);
            byte[] header = new byte[SafetensorsHeader.CheckLength(BinaryPrimitives.ReadUInt64LittleEndian(prefix), length, source.Name, file)];
            await ModelStream.ReadAsync(stream, header, label, cancellationToken);
            IReadOnlyList<TensorEntry> tensors = SafetensorsHeader.Parse(header, length, source.Name, file, leftAside);
            return new WeightFile(opened, stream, source.Name, file, [.. tensors.Select(tensor => tensor with { Name = HuggingFaceNames.ToStandard(tensor.Name) })], length);
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    private static void CheckContents(ReadOnlySpan<byte> begin, long length, string label)
    {
        if (FileContents.IsSafetensors(begin, length)) return;
        if (FileContents.IsGguf(begin)) throw new ModelException($"{label}: is a GGUF file whatever its name: name the file itself as the model.");
        if (FileContents.DescribeOther(begin, length) is { } what) throw new ModelException($"{label}: {what}");
    }
}
