using Gemma2.Backend;
using Gemma2.Backend.Formats.Files;
using Gemma2.Storage;
using Gemma2.Storage.Models;

namespace Gemma2.Service.Model;

/// <summary>Finds the model that <c>Gemma2__Model</c> names.</summary>
internal static class ModelLocator
{
    /// <summary>A folder or a .gguf file if there is a slash in the name, else a model in the container <c>models</c>.</summary>
    /// <param name="model"><c>NAME</c>, <c>blob:NAME</c> or a path.</param>
    /// <param name="storage">The storage account; null where none is configured.</param>
    /// <exception cref="ModelException">The name is not allowed, or the path leads to no model.</exception>
    /// <exception cref="StorageException">The model is in storage, but none is configured.</exception>
    public static IModelSource Locate(string model, StorageConnection? storage)
    {
        string? stored = ModelName.FromReference(model);
        if (stored is null && model.AsSpan().ContainsAny('/', Path.DirectorySeparatorChar))
            return LocalModel.Find(model) ?? throw new ModelException($"Gemma2__Model is '{model}', which does not exist; a path leads to {LocalModel.Allowed}.");
        string name = stored ?? model;
        return storage is not null
            ? new BlobModelSource(storage, name)
            : throw new StorageException(
                $"Gemma2__Model is '{model}', a model in storage, but AzureWebJobsStorage is not set; a path has a slash: ./{name}.");
    }
}
