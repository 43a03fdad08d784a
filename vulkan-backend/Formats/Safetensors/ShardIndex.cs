using System.Text.Json;
using Gemma2.Backend.Config;

namespace Gemma2.Backend.Formats.Safetensors;

/// <summary>model.safetensors.index.json: which of a model's weight files holds which tensor.</summary>
internal static class ShardIndex
{
    private const int DeepestNesting = 16;

    /// <summary>Reads an index.</summary>
    /// <param name="json">The file's bytes.</param>
    /// <param name="label">The file's name, for messages.</param>
    /// <returns>Tensor names and the plain name of the file of each.</returns>
    /// <exception cref="ModelException">It is malformed, or names a file outside the model.</exception>
    public static IReadOnlyDictionary<string, string> Parse(ReadOnlyMemory<byte> json, string label) =>
        ModelJson.Read(json, label, DeepestNesting, root =>
        {
            if (!root.TryGetProperty("weight_map", out JsonElement map) || map.ValueKind != JsonValueKind.Object || map.GetPropertyCount() == 0)
                throw new ModelException($"{label}: weight_map must be an object of tensor names and file names.");
            return map.EnumerateObject().ToDictionary(entry => entry.Name, entry => ReadFileName(entry, label), StringComparer.Ordinal);
        });

    private static string ReadFileName(JsonProperty entry, string label)
    {
        string? file = entry.Value.ValueKind == JsonValueKind.String ? entry.Value.GetString() : null;
        bool isPlain = file is not null && file.EndsWith(".safetensors", StringComparison.Ordinal)
            && file.All(character => char.IsAsciiLetterOrDigit(character) || character is '.' or '-' or '_');
        return isPlain
            ? file!
            : throw new ModelException($"{label}: {ModelJson.Show(entry.Name)} is in {ModelJson.Show(entry.Value)}; allowed is the plain name of a .safetensors file of this model.");
    }
}
