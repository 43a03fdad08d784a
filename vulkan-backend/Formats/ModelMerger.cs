using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gemma2.Backend.Adapters;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Gguf;
using Gemma2.Backend.Formats.Safetensors;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats;

/// <summary>Writes models to which adapters are added for good: every matrix in the type that it has. A model is never whole in memory.</summary>
public static class ModelMerger
{
    /// <summary>Files of a folder that hold weights, or what a training left.</summary>
    private static readonly string[] WeightEndings = [".safetensors", ".index.json", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx"];

    private const int LongestFile = 64 << 20;

    /// <summary>Writes a folder in Hugging Face's format. What is not weights is copied from the model.</summary>
    /// <param name="source">The model, in that format too.</param>
    /// <param name="adapters">What is added.</param>
    /// <param name="folder">The folder, which exists and is empty; it is not whole where this fails.</param>
    /// <param name="progress">Told how far the reading is.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="ModelException">The model or an adapter is not usable, or they do not fit each other.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static async Task WriteFolderAsync(
        IModelSource source, IReadOnlyList<AdapterSource> adapters, string folder, IProgress<LoadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        IReadOnlyDictionary<string, long> listed = await source.ListAsync(cancellationToken).ConfigureAwait(false);
        if (!listed.ContainsKey(SafetensorsModel.ConfigFile))
            throw new ModelException($"{source.Name}: has no {SafetensorsModel.ConfigFile} that a folder needs; a model in GGUF is merged into a {GgufFiles.Extension} file.");
        await using OpenModel model = await ModelReader.OpenAsync(source, cancellationToken).ConfigureAwait(false);
        AdapterSet added = await AdapterSet.LoadAsync(adapters, model, cancellationToken).ConfigureAwait(false);
        foreach (string file in listed.Keys.Where(file => !IsLeftOut(file, listed[file])))
        {
            byte[] bytes = await ModelStream.ReadFileAsync(source, listed, file, LongestFile, cancellationToken).ConfigureAwait(false);
            if (file == SafetensorsModel.ConfigFile && added.TensorsOf(model.Tensors).Count > model.Tensors.Count) bytes = Untied(bytes);
            await File.WriteAllBytesAsync(Path.Combine(folder, file), bytes, cancellationToken).ConfigureAwait(false);
        }
        using SafetensorsFolderSink sink = new(folder);
        await model.ReadAsync(added.Before(sink, widens: false), progress, cancellationToken: cancellationToken).ConfigureAwait(false);
        sink.Finish();
    }

    /// <summary>Writes a GGUF file.</summary>
    /// <param name="source">The model, in any format.</param>
    /// <param name="adapters">What is added.</param>
    /// <param name="file">Takes the file; it is not whole where this fails.</param>
    /// <param name="progress">Told how far the reading is.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="ModelException">The model or an adapter is not usable, they do not fit each other, or the model holds what GGUF cannot.</exception>
    public static async Task WriteGgufAsync(
        IModelSource source, IReadOnlyList<AdapterSource> adapters, Stream file, IProgress<LoadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        await using OpenModel model = await ModelReader.OpenAsync(source, cancellationToken).ConfigureAwait(false);
        if (model.Tokenizer is null) throw new ModelException($"{source.Name}: has no tokenizer, which a GGUF file holds too.");
        AdapterSet added = await AdapterSet.LoadAsync(adapters, model, cancellationToken).ConfigureAwait(false);
        GgufFileSink sink = new(file, GgufModelKeys.Of(
            model.Config, model.Tokenizer.Vocabulary, source.Name, MostlyOf(model.Tensors), model.Description.Sampling, model.Description.ChatTemplate?.Text.Jinja));
        await model.ReadAsync(added.Before(sink, widens: false), progress, cancellationToken: cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A configuration whose model has an output matrix of its own.</summary>
    private static byte[] Untied(byte[] config)
    {
        JsonObject json = (JsonObject)JsonNode.Parse(config)!;
        json["tie_word_embeddings"] = false;
        ArrayBufferWriter<byte> file = new();
        using (Utf8JsonWriter writer = new(file, new JsonWriterOptions { Indented = true })) json.WriteTo(writer);
        return file.WrittenSpan.ToArray();
    }

    private static bool IsLeftOut(string file, long length) =>
        length > LongestFile || file.StartsWith("adapter_", StringComparison.Ordinal) || WeightEndings.Any(ending => file.EndsWith(ending, StringComparison.OrdinalIgnoreCase));

    /// <summary>The type that most matrices have.</summary>
    private static WeightType MostlyOf(IReadOnlyList<TensorEntry> tensors) =>
        WeightTypes.Parse($"{tensors.Where(tensor => tensor.Shape.Count > 1).GroupBy(tensor => tensor.Type).MaxBy(type => type.Count())!.Key}")!.Value;
}
