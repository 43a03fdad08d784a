using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>Opens a model in GGUF: one file holds everything, configuration, vocabulary and weights, and is read forward, once.</summary>
internal static class GgufModel
{
    /// <summary>Opens a model.</summary>
    /// <param name="source">The model.</param>
    /// <param name="listed">Its files and their lengths.</param>
    /// <param name="names">The file, or the parts that it was split into: the first has the metadata.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ModelException">A file is malformed, or it is not a Gemma 2 that is supported.</exception>
    public static async Task<OpenModel> OpenAsync(
        IModelSource source, IReadOnlyDictionary<string, long> listed, IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        List<(WeightFile File, GgufMetadata Metadata)> files = [];
        try
        {
            foreach (string name in names)
            {
                files.Add(await OpenFileAsync(source, name, listed[name], cancellationToken));
                CheckPart(files[^1].Metadata, names.Count, $"{source.Name}/{name}");
            }

            List<string> notes = [];
            GgufMetadata metadata = files[0].Metadata;
            GgufConfig.RequireGemma2(metadata);
            notes.AddRange(LeaveAside(files.Select(file => file.File)));
            TensorEntry[] tensors = [.. files.SelectMany(file => file.File.Tensors)];
            GemmaTokenizer? tokenizer = GgufVocabulary.Read(metadata, $"{source.Name}/{names[0]}", tensors);
            Gemma2Config config = GgufConfig.Read(metadata, tokenizer, tensors, notes) with { SpareTokens = tokenizer?.SpareTokens ?? [] };
            TensorCatalog.Check(tensors, config, source.Name, "its metadata", GgufNames.FromHuggingFace);
            WeightFile[] weights = [.. files.Select(file => file.File)];
            await OutputMatrix.ResolveAsync(source, weights, notes, GgufNames.FromHuggingFace, cancellationToken);
            var description = new ModelDescription
            {
                Config = config,
                Tokenizer = tokenizer,
                Sampling = GgufSampling.Read(metadata),
                Notes = notes,
            }.WithChatTemplate(GgufChatTemplate.Read(metadata, config, tokenizer));
            return new OpenModel(description, weights);
        }
        catch
        {
            foreach ((WeightFile file, _) in files) await file.DisposeAsync();
            throw;
        }
    }

    /// <summary>Passes over known leftovers.</summary>
    /// <returns>A line for each kind.</returns>
    private static IEnumerable<string> LeaveAside(IEnumerable<WeightFile> files)
    {
        List<string> names = [];
        foreach (WeightFile file in files)
        {
            names.AddRange(file.Tensors.Select(tensor => tensor.Name).Where(name => Leftovers.KindOf(name) is not null));
            file.LeaveAside(tensor => Leftovers.KindOf(tensor.Name) is not null);
        }
        return Leftovers.Notes(names);
    }

    private static async Task<(WeightFile File, GgufMetadata Metadata)> OpenFileAsync(
        IModelSource source, string file, long length, CancellationToken cancellationToken)
    {
        string label = $"{source.Name}/{file}";
        IModelFile opened = await source.OpenAsync(file, cancellationToken);
        var stream = new ModelFileStream(opened);
        try
        {
            GgufReader reader = new(stream, label, length, cancellationToken);
            GgufHeader header = await GgufHeader.ReadAsync(reader, source.Name, file, length);
            return (new WeightFile(opened, stream, source.Name, file, header.Tensors, length), header.Metadata);
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    private static void CheckPart(GgufMetadata metadata, int files, string label)
    {
        int parts = metadata.Integer(GgufKeys.SplitCount, 0, ushort.MaxValue, byDefault: 1);
        if (parts > 1 && parts != files)
            throw new ModelException($"{label}: is one of {parts} parts; the others must lie beside it, named NAME-00001-of-{parts:D5}{GgufFiles.Extension} and so on.");
    }
}
