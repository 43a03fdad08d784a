using Gemma2.Backend;

namespace Gemma2.Storage.Models;

/// <summary>Reads the manifest of a model in storage.</summary>
internal static class StoredManifest
{
    /// <exception cref="ModelException">The name is not allowed, there is no such model, or its manifest is malformed.</exception>
    public static async Task<ModelManifest> ReadAsync(StorageConnection connection, string name, CancellationToken cancellationToken)
    {
        ModelName.Validate(name);
        ReadOnlyMemory<byte>? json = await SmallBlobs.TryReadAsync(
            connection, StorageNames.Models, $"{name}/{ModelManifest.FileName}", ModelManifest.MaxBytes, cancellationToken);
        return json is { } found ? ModelManifest.Parse(name, found.Span) : throw await NotThereAsync(connection, name, cancellationToken);
    }

    private static async Task<ModelException> NotThereAsync(StorageConnection connection, string name, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> models = await new ModelStore(connection).ListAsync(cancellationToken);
        string there = models.Count == 0 ? "none is" : $"there are: {string.Join(", ", models)}";
        return new ModelException($"Model '{name}' is not in the container '{StorageNames.Models}' ({there}).");
    }
}
