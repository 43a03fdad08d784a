using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Gguf;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Adapters;

/// <summary>
/// An adapter as llama.cpp's convert_lora_to_gguf.py writes it. Source: https://github.com/ggml-org/llama.cpp, convert_lora_to_gguf.py, and src/llama-adapter.cpp for
/// what it means.
/// </summary>
internal static class GgufAdapter
{
    private const string Architecture = "gemma2", Type = "general.type", AdapterType = "adapter.type", AlphaKey = "adapter.lora.alpha", Invocation = "adapter.alora.invocation_tokens";
    private const string AEnd = ".lora_a", BEnd = ".lora_b";
    private const double LargestAlpha = 1e9;

    /// <summary>Reads an adapter.</summary>
    /// <exception cref="ModelException">Names the file and what is wrong in it.</exception>
    public static async Task<LoadedAdapter> ReadAsync(AdapterSource source, string name, long length, Gemma2Config config, CancellationToken cancellationToken)
    {
        IModelSource files = source.Files;
        string label = $"{files.Name}/{name}";
        await using var stream = new ModelFileStream(await files.OpenAsync(name, cancellationToken).ConfigureAwait(false));
        GgufHeader header = await GgufHeader.ReadAsync(new GgufReader(stream, label, length, cancellationToken), files.Name, name, length).ConfigureAwait(false);
        double? alpha = ReadAlpha(header.Metadata);
        AdapterFile file = new(stream, label, header.Length, header.Tensors);
        AdapterPart[] parts = [.. file.Tensors.Select(tensor => PartOf(file, tensor))];
        // As in llama.cpp, without an alpha the product counts as it is.
        IReadOnlyList<AdapterUpdate> updates = await AdapterReader.ReadUpdatesAsync(
            file, parts, config, source.Scale, (_, rank) => (alpha ?? rank) / rank, cancellationToken).ConfigureAwait(false);
        return new LoadedAdapter(files.Name, source.Scale, alpha, updates);
    }

    private static double? ReadAlpha(GgufMetadata keys)
    {
        if (keys.Text(Type) != "adapter") throw keys.Error(Type, "\"adapter\"");
        if (keys.Text(AdapterType) != "lora") throw keys.Error(AdapterType, "\"lora\"");
        if (keys.Text(GgufKeys.Architecture) != Architecture) throw keys.Error(GgufKeys.Architecture, $"\"{Architecture}\"");
        if (keys.Has(Invocation)) throw keys.Error(Invocation, "to have none: an adapter that begins within a text cannot be added to weights");
        double alpha = keys.Number(AlphaKey, -LargestAlpha, LargestAlpha, byDefault: 0);
        return alpha == 0 ? null : alpha;
    }

    private static AdapterPart PartOf(AdapterFile file, TensorEntry tensor)
    {
        if (tensor.Shape.Count == 1) return new AdapterPart(tensor, tensor.Name, AdapterSide.Whole);
        bool isA = tensor.Name.EndsWith(AEnd, StringComparison.Ordinal);
        if (!isA && !tensor.Name.EndsWith(BEnd, StringComparison.Ordinal))
            throw file.Error(tensor, $"is no tensor of a LoRA adapter: A and B are named NAME{AEnd} and NAME{BEnd}.");
        string target = GgufNames.ToHuggingFace(tensor.Name[..^AEnd.Length]);
        // Of the embedding A has a row for each token, and B is as it was.
        return target == TensorNames.Embedding
            ? new AdapterPart(tensor, target, isA ? AdapterSide.Left : AdapterSide.Right, IsTransposed: !isA)
            : new AdapterPart(tensor, target, isA ? AdapterSide.Right : AdapterSide.Left);
    }
}
