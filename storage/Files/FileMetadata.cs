using System.Globalization;
using System.Text;
using Azure.Storage.Blobs.Models;

namespace Gemma2.Storage.Files;

/// <summary>
/// A file's name, purpose and lifetime as metadata of its blob, set in the request that makes its content visible. A blob without a name and a purpose is no file.
/// </summary>
internal static class FileMetadata
{
    // Metadata travels as HTTP headers, a name may be any text: base64 of UTF-8.
    private const string NameKey = "name";
    private const string PurposeKey = "purpose";

    // In seconds from when the blob was made, which the service itself notes.
    private const string LifetimeKey = "lifetime";

    /// <summary>The metadata of a file.</summary>
    public static Dictionary<string, string> Of(string name, string purpose, TimeSpan? lifetime)
    {
        var metadata = new Dictionary<string, string> { [NameKey] = Convert.ToBase64String(Encoding.UTF8.GetBytes(name)), [PurposeKey] = purpose };
        if (lifetime is { } time) metadata[LifetimeKey] = ((long)time.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        return metadata;
    }

    /// <summary>The file that a blob is; null when it is none.</summary>
    public static StoredFile? Read(OwnedId key, IDictionary<string, string> metadata, long bytes, DateTimeOffset createdAt) =>
        metadata.TryGetValue(NameKey, out string? name) && metadata.TryGetValue(PurposeKey, out string? purpose)
            ? new StoredFile(key, Text(name), purpose, bytes, createdAt, createdAt + Lifetime(metadata))
            : null;

    /// <summary>When a listed blob expires; null where it does not.</summary>
    public static DateTimeOffset? ExpiryOf(BlobItem blob) => blob.Properties.CreatedOn + Lifetime(blob.Metadata);

    private static TimeSpan? Lifetime(IDictionary<string, string> metadata) =>
        metadata.TryGetValue(LifetimeKey, out string? text) && uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint seconds)
            ? TimeSpan.FromSeconds(seconds)
            : null;

    // Whoever may write to storage may have written something else there.
    private static string Text(string base64)
    {
        Span<byte> bytes = stackalloc byte[base64.Length];
        return Convert.TryFromBase64String(base64, bytes, out int count) ? Encoding.UTF8.GetString(bytes[..count]) : base64;
    }
}
