using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Gemma2.Backend;
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

    /// <summary>The name of a model in the container <c>models</c>; null for a path.</summary>
    public static string? NameInStorage(string model) =>
        ModelName.FromReference(model) ?? (model.AsSpan().ContainsAny('/', Path.DirectorySeparatorChar) ? null : model);

    /// <summary>Names the version of the model that <see cref="Locate"/> would find now; null where there is none.</summary>
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
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
