using System.Buffers.Binary;
using System.Text.RegularExpressions;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Safetensors;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Adapters;

/// <summary>
/// An adapter as Hugging Face's PEFT saves it: adapter_config.json and adapter_model.safetensors.
/// Source: https://github.com/huggingface/peft, docs/source/developer_guides/checkpoint.md.
/// </summary>
internal static partial class PeftAdapter
{
    /// <summary>Its weights.</summary>
    public const string WeightsFile = "adapter_model.safetensors";

    private const string ModelPrefix = "model.";

    /// <summary>Whether there is an adapter, and no model beside it.</summary>
    /// <param name="files">The names of all files.</param>
    public static bool IsAlone(IEnumerable<string> files)
    {
        string[] weights = [.. files.Where(file => file == PeftConfig.FileName || file.EndsWith(".safetensors", StringComparison.Ordinal) || file.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))];
        return weights.Contains(PeftConfig.FileName) && weights.All(file => file is PeftConfig.FileName or WeightsFile);
    }

    /// <summary>Reads an adapter.</summary>
    /// <exception cref="ModelException">Names the file and what is wrong in it.</exception>
    public static async Task<LoadedAdapter> ReadAsync(AdapterSource source, IReadOnlyDictionary<string, long> listed, Gemma2Config config, CancellationToken cancellationToken)
    {
        IModelSource files = source.Files;
        byte[] json = await ModelStream.ReadFileAsync(files, listed, PeftConfig.FileName, PeftConfig.Longest, cancellationToken).ConfigureAwait(false);
        PeftConfig peft = PeftConfig.Parse(json, $"{files.Name}/{PeftConfig.FileName}");
        if (!listed.TryGetValue(WeightsFile, out long length)) throw Missing(files.Name, listed);
        await using var stream = new ModelFileStream(await files.OpenAsync(WeightsFile, cancellationToken).ConfigureAwait(false));
        AdapterFile file = await ReadHeaderAsync(stream, files.Name, length, cancellationToken).ConfigureAwait(false);
        AdapterPart[] parts = [.. file.Tensors.Select(tensor => PartOf(file, tensor))];
        IReadOnlyList<AdapterUpdate> updates = await AdapterReader.ReadUpdatesAsync(
            file, parts, config, source.Scale, (part, rank) => FactorOf(file, peft, part, rank), cancellationToken).ConfigureAwait(false);
        await ModelStream.ReadEndAsync(stream, file.Label, cancellationToken).ConfigureAwait(false);
        return new LoadedAdapter(files.Name, source.Scale, peft.Alpha, updates);
    }

    private static async Task<AdapterFile> ReadHeaderAsync(ModelFileStream stream, string name, long length, CancellationToken cancellationToken)
    {
        string label = $"{name}/{WeightsFile}";
        if (length < SafetensorsHeader.PrefixLength) throw new ModelException($"{label}: is {length} bytes long: this is not a safetensors file.");
        byte[] prefix = new byte[SafetensorsHeader.PrefixLength];
        await ModelStream.ReadAsync(stream, prefix, label, cancellationToken).ConfigureAwait(false);
        byte[] header = new byte[SafetensorsHeader.CheckLength(BinaryPrimitives.ReadUInt64LittleEndian(prefix), length, name, WeightsFile)];
        await ModelStream.ReadAsync(stream, header, label, cancellationToken).ConfigureAwait(false);
        return new AdapterFile(stream, label, prefix.Length + header.Length, SafetensorsHeader.Parse(header, length, name, WeightsFile));
    }

    private static AdapterPart PartOf(AdapterFile file, TensorEntry tensor)
    {
        if (tensor.Name.Contains("lora_magnitude_vector", StringComparison.Ordinal))
            throw file.Error(tensor, "belongs to DoRA, which is not supported; merge the adapter with PEFT's merge_and_unload.");
        if (tensor.Name.EndsWith(".bias", StringComparison.Ordinal)) throw file.Error(tensor, "is a bias, and Gemma 2 has none.");
        if (tensor.Name.Contains("trainable_tokens", StringComparison.Ordinal)) throw file.Error(tensor, "holds rows of the embedding, which are not supported.");
        if (Lora().Match(tensor.Name) is { Success: true } lora)
            return new AdapterPart(tensor, TargetOf(lora), lora.Groups["side"].Value == "A" ? AdapterSide.Right : AdapterSide.Left);
        // Of an embedding PEFT turns the product round: its rows are what A has columns for.
        if (LoraOfEmbedding().Match(tensor.Name) is { Success: true } embedding)
            return new AdapterPart(tensor, TargetOf(embedding), embedding.Groups["side"].Value == "A" ? AdapterSide.Left : AdapterSide.Right, IsTransposed: true);
        return Whole().Match(tensor.Name) is { Success: true } whole
            ? new AdapterPart(tensor, TargetOf(whole), AdapterSide.Whole)
            : throw file.Error(tensor, "is no tensor of a LoRA adapter: A and B are named NAME.lora_A.weight and NAME.lora_B.weight.");
    }

    private static string TargetOf(Match match)
    {
        string module = match.Groups["module"].Value;
        bool isOfTheModel = module is "embed_tokens" or "norm" || module.StartsWith("layers.", StringComparison.Ordinal);
        return $"{(isOfTheModel ? ModelPrefix : "")}{module}.weight";
    }

    private static double FactorOf(AdapterFile file, PeftConfig peft, AdapterPart part, int rank)
    {
        string module = part.Target[..part.Target.LastIndexOf('.')];
        int said = peft.RankOf(module);
        return said == rank
            ? peft.FactorOf(module)
            : throw file.Error(part.Tensor, $"is [{string.Join(", ", part.Tensor.Shape)}], of rank {rank}; by {PeftConfig.FileName} its rank is {said}.");
    }

    private static ModelException Missing(string name, IReadOnlyDictionary<string, long> listed) => new(listed.ContainsKey("adapter_model.bin")
        ? $"{name}: has adapter_model.bin, a file of Python objects, which is not read; save the adapter as {WeightsFile}."
        : $"{name}: has no {WeightsFile}.");

    // With the name of the adapter, or without, as PEFT saves it.
    [GeneratedRegex(@"^(base_model\.model\.)?(?<module>.+?)\.lora_(?<side>[AB])(\.[^.]+)?\.weight\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Lora();

    [GeneratedRegex(@"^(base_model\.model\.)?(?<module>.+?)\.lora_embedding_(?<side>[AB])(\.[^.]+)?\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex LoraOfEmbedding();

    // What modules_to_save names, and embeddings that were saved beside what is added to them.
    [GeneratedRegex(@"^(base_model\.model\.)?(?<module>.+?)(\.base_layer|\.modules_to_save(\.[^.]+)?)?\.weight\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Whole();
}
