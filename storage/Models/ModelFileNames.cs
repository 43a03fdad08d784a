using System.IO.Enumeration;
using Gemma2.Backend;
using Gemma2.Backend.Formats.Files;

namespace Gemma2.Storage.Models;

/// <summary>Which files of a folder or repository are a model's.</summary>
public static class ModelFileNames
{
    // What of a Hugging Face folder the backend reads.
    private static readonly string[] Patterns =
    [
        "config.json", "generation_config.json", "*.safetensors", "*.safetensors.index.json",
        "tokenizer.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "chat_template.json",
    ];

    // A LoRA adapter, as PEFT saves it.
    private const string AdapterConfig = "adapter_config.json", AdapterWeights = "adapter_model.safetensors";

    /// <summary>The files that a model in Hugging Face's format needs, or an adapter of PEFT's, sorted.</summary>
    public static IEnumerable<string> OfFolder(IReadOnlyCollection<string> there) => IsAdapter(there)
        ? [AdapterConfig, AdapterWeights]
        : there.Where(file => Patterns.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, file, ignoreCase: false)) && !IsLeftAside(file, there)).Order(StringComparer.Ordinal);

    /// <summary>Whether there is a model in Hugging Face's format, or an adapter of PEFT's.</summary>
    public static bool IsFolder(IReadOnlyCollection<string> there) => (there.Contains("config.json") && there.Any(IsWeights)) || IsAdapter(there);

    /// <summary>The files of the one model that is there.</summary>
    /// <param name="there">The names of all files.</param>
    /// <param name="file">The GGUF file that is the model, or a part of it; null for the model of the folder.</param>
    /// <param name="gguf">Which files are GGUF, whatever they are called.</param>
    /// <param name="where">Where the files are, for messages: a sentence's subject.</param>
    /// <exception cref="ModelException">There is none, there are several, or a part is missing.</exception>
    public static IReadOnlyList<string> Select(IReadOnlyCollection<string> there, string? file, IReadOnlyList<string> gguf, string where)
    {
        if (file is null && IsFolder(there)) return [.. OfFolder(there)];
        IReadOnlyList<string> files = GgufFiles.OneModel(file is null ? gguf : GgufFiles.PartsOf(file), there, where);
        if (files.Count > 0) return files;
        if (there.Contains(AdapterConfig)) throw new ModelException($"{where} has an {AdapterConfig} but no {AdapterWeights}.");
        throw new ModelException(there.Contains("config.json") ? $"{where} has no *.safetensors." : $"{where} has no config.json, nor a {GgufFiles.Extension} file.");
    }

    /// <summary>Adapters may have a config.json of their model beside them, but not its weights.</summary>
    private static bool IsAdapter(IReadOnlyCollection<string> there) =>
        there.Contains(AdapterConfig) && there.Contains(AdapterWeights) && there.Where(IsWeights).All(file => file == AdapterWeights);

    /// <summary>The large vocabulary file is read where the small one is missing.</summary>
    private static bool IsLeftAside(string file, IReadOnlyCollection<string> there) => file == "tokenizer.json" && there.Contains("tokenizer.model");

    private static bool IsWeights(string file) => file.EndsWith(".safetensors", StringComparison.Ordinal);
}
