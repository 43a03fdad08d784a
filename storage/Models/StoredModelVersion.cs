using System.Security.Cryptography;

namespace Gemma2.Storage.Models;

/// <summary>Which version of a model is in storage.</summary>
public static class StoredModelVersion
{
    /// <summary>Follows from all bytes of all files, as the manifest has their hashes; null where the model is not there, or not complete.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public static async Task<string?> FindAsync(StorageConnection connection, string name, CancellationToken cancellationToken)
    {
        ModelName.Validate(name);
        ReadOnlyMemory<byte>? manifest = await SmallBlobs.TryReadAsync(
            connection, StorageNames.Models, $"{name}/{ModelManifest.FileName}", ModelManifest.MaxBytes, cancellationToken);
        return manifest is { } json ? Of(json.Span) : null;
    }

    /// <summary>The version whose manifest this is.</summary>
    internal static string Of(ReadOnlySpan<byte> manifest) => Convert.ToHexStringLower(SHA256.HashData(manifest));
}
