using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Gemma2.Backend;
using Gemma2.Backend.Adapters;
using Gemma2.Backend.Formats.Files;
using Gemma2.Storage;
using Gemma2.Storage.Models;
using Gemma2.Storage.Models.Cache;

namespace Gemma2.Service.Model;

/// <summary>Finds the model that <c>Gemma2__Model</c> names.</summary>
internal static class ModelLocator
{
    /// <summary>A folder or a .gguf file if there is a slash in the name, else a model in the container <c>models</c>.</summary>
    /// <param name="model"><c>NAME</c>, <c>blob:NAME</c> or a path.</param>
    /// <param name="storage">The storage account; null where none is configured.</param>
    /// <param name="cache">Where models of storage are kept; null keeps none.</param>
    /// <exception cref="ModelException">The name is not allowed, or the path leads to no model.</exception>
    /// <exception cref="StorageException">The model is in storage, but none is configured.</exception>
    public static IModelSource Locate(string model, StorageConnection? storage, ModelCache? cache = null)
    {
        if (NameInStorage(model) is not { } name)
            return LocalModel.Find(model) ?? throw new ModelException($"Gemma2__Model is '{model}', which does not exist; a path leads to {LocalModel.Allowed}.");
        return storage is not null
            ? new BlobModelSource(storage, name, cache)
            : throw new StorageException(
                $"Gemma2__Model is '{model}', a model in storage, but AzureWebJobsStorage is not set; a path has a slash: ./{name}.");
    }

    /// <summary>Finds an adapter that <c>Gemma2__Lora</c> names, where <see cref="Locate(string, StorageConnection?, ModelCache?)"/> finds models.</summary>
    /// <exception cref="ModelException">The name is not allowed, or the path leads to nothing.</exception>
    /// <exception cref="StorageException">The adapter is in storage, but none is configured.</exception>
    public static AdapterSource Locate(AdapterReference adapter, StorageConnection? storage, ModelCache? cache)
    {
        if (NameInStorage(adapter.Place) is not { } name)
        {
            IModelSource files = LocalModel.Find(adapter.Place)
                ?? throw new ModelException($"Gemma2__Lora names '{adapter.Place}', which does not exist; a path leads to {AdapterReference.AllowedPlaces}.");
            return new AdapterSource(files, adapter.Scale);
        }
        return storage is not null
            ? new AdapterSource(new BlobModelSource(storage, name, cache), adapter.Scale)
            : throw new StorageException(
                $"Gemma2__Lora names '{adapter.Place}', an adapter in storage, but AzureWebJobsStorage is not set; a path has a slash: ./{name}.");
    }

    /// <summary>The name of a model in the container <c>models</c>; null for a path.</summary>
    public static string? NameInStorage(string model) =>
        ModelName.FromReference(model) ?? (model.AsSpan().ContainsAny('/', Path.DirectorySeparatorChar) ? null : model);

    /// <summary>Names the version of a model and its adapters together, as they would be found now; null where one of them is not there.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public static async Task<string?> FindVersionAsync(string model, IReadOnlyList<AdapterReference> adapters, StorageConnection? storage, CancellationToken cancellationToken)
    {
        string? version = await FindVersionAsync(model, storage, cancellationToken);
        foreach (AdapterReference adapter in adapters)
        {
            string? added = await FindVersionAsync(adapter.Place, storage, cancellationToken);
            version = version is null || added is null ? null : Hash(string.Create(CultureInfo.InvariantCulture, $"{version} {added} {adapter.Scale:R}"));
        }
        return version;
    }

    /// <summary>Names the version of the model that <see cref="Locate(string, StorageConnection?, ModelCache?)"/> would find now; null where there is none.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public static async Task<string?> FindVersionAsync(string model, StorageConnection? storage, CancellationToken cancellationToken)
    {
        if (NameInStorage(model) is { } name)
            return storage is null ? null : await StoredModelVersion.FindAsync(storage, name, cancellationToken);
        try
        {
            return LocalModel.Find(model) is { } local ? VersionOf(Directory.Exists(model) ? model : Path.GetDirectoryName(model)!, await local.ListAsync(cancellationToken)) : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ModelException)
        {
            return null;
        }
    }

    /// <summary>A file's length and the time of its last change stand for its bytes.</summary>
    private static string VersionOf(string folder, IReadOnlyDictionary<string, long> files)
    {
        var text = new StringBuilder();
        foreach ((string name, long length) in files.OrderBy(file => file.Key, StringComparer.Ordinal))
        {
            string path = Path.Combine(folder, name);
            DateTime changed = File.GetLastWriteTimeUtc(File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path);
            text.Append(CultureInfo.InvariantCulture, $"{name} {length} {changed.Ticks}\n");
        }
        return Hash(text.ToString());
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
