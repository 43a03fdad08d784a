using Gemma2.Backend;
using Gemma2.Backend.Adapters;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Text;
using Gemma2.Cli.Hub;
using Gemma2.Storage;
using Gemma2.Storage.Models;
using Gemma2.Storage.Models.Cache;

namespace Gemma2.Cli.Models;

/// <summary>Turns the MODEL of a command line into the place that its files come from.</summary>
internal static class ModelLocation
{
    /// <summary>A local model, or one in blob storage.</summary>
    /// <exception cref="Gemma2Exception">MODEL is neither, or storage is not configured.</exception>
    public static IModelSource Open(string model)
    {
        if (ModelName.FromReference(model) is { } name) return OpenBlob(name);
        if (HubReference.Parse(model) is not null)
            throw new ModelException($"'{model}' is on the hub: fetch it with `gemma2 pull {model} DIR`, or store it with `gemma2 push {model} NAME`.");
        return LocalModel.Find(model) ?? throw new ModelException($"'{model}' does not exist; MODEL is {LocalModel.Allowed}, or blob:NAME.");
    }

    /// <summary>What kept the local cache from its work while a model in blob storage was read; null for nothing.</summary>
    public static string? CacheProblem(IModelSource source) => (source as BlobModelSource)?.CacheProblem;

    /// <summary>A local LoRA adapter, or one in blob storage.</summary>
    /// <exception cref="Gemma2Exception">There is none, or storage is not configured.</exception>
    public static IModelSource OpenAdapter(string place)
    {
        if (ModelName.FromReference(place) is { } name) return OpenBlob(name);
        return LocalModel.Find(place) ?? throw new ModelException($"'{place}' does not exist; a LoRA adapter is {AdapterReference.AllowedPlaces}, or blob:NAME.");
    }

    /// <summary>The vocabulary of a model, or of a bare tokenizer.model or tokenizer.json.</summary>
    /// <exception cref="Gemma2Exception">There is none, or it is not usable.</exception>
    public static async Task<GemmaTokenizer> LoadTokenizerAsync(string model, CancellationToken cancellationToken)
    {
        if (IsTokenizer(model))
        {
            LocalModel.CheckTokenizer(model);
            if (model.EndsWith(".json", StringComparison.OrdinalIgnoreCase)) return TokenizerReader.ReadJson(await File.ReadAllBytesAsync(model, cancellationToken), model);
            await using FileStream file = File.OpenRead(model);
            return GemmaTokenizer.Load(file, model);
        }

        return await TokenizerReader.ReadAsync(Open(model), cancellationToken);
    }

    /// <summary>The chat template of a model, or Gemma 2's own for a bare tokenizer.model.</summary>
    /// <param name="model">MODEL.</param>
    /// <param name="instead">A template that is used instead.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="Gemma2Exception">There is no vocabulary, or a file is not usable.</exception>
    public static async Task<ChatTemplate> LoadChatTemplateAsync(string model, ChatTemplateText? instead, CancellationToken cancellationToken) => IsTokenizer(model)
        ? ChatTemplate.Of(await LoadTokenizerAsync(model, cancellationToken), instead)
        : await ChatTemplateReader.ReadAsync(Open(model), instead, cancellationToken);

    private static bool IsTokenizer(string model) => File.Exists(model) && !LocalModel.IsGguf(model);

    // Apart, so that Azure's libraries are loaded for blob:NAME only.
    private static BlobModelSource OpenBlob(string name) => new(StorageConnection.FromEnvironment(), name, OpenCache());

    /// <summary>The cache that the service's own settings name.</summary>
    private static ModelCache? OpenCache()
    {
        string? folder = Environment.GetEnvironmentVariable("Gemma2__CacheFolder"), size = Environment.GetEnvironmentVariable("Gemma2__CacheSize");
        if (string.IsNullOrWhiteSpace(folder)) return null;
        if (string.IsNullOrWhiteSpace(size)) return new ModelCache(folder, maxBytes: null);
        return ModelCache.TryParseSize(size, out long bytes)
            ? new ModelCache(folder, bytes)
            : throw new ModelException($"Gemma2__CacheSize is '{size}'; allowed: a number of bytes, also with K, M or G behind it: 8G.");
    }
}
