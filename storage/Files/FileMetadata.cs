using System.Text;

namespace Gemma2.Storage.Files;

/// <summary>
/// A file's name and purpose as metadata of its blob, set in the request that makes its content visible. A blob without them is no file.
/// </summary>
internal static class FileMetadata
{
    // Metadata travels as HTTP headers, a name may be any text: base64 of UTF-8.
    private const string NameKey = "name";
    private const string PurposeKey = "purpose";

    /// <summary>The metadata of a file.</summary>
    public static Dictionary<string, string> Of(string name, string purpose) =>
        new() { [NameKey] = Convert.ToBase64String(Encoding.UTF8.GetBytes(name)), [PurposeKey] = purpose };

    /// <summary>The file that a blob is; null when it is none.</summary>
    public static StoredFile? Read(OwnedId key, IDictionary<string, string> metadata, long bytes, DateTimeOffset createdAt) =>
        metadata.TryGetValue(NameKey, out string? name) && metadata.TryGetValue(PurposeKey, out string? purpose)
            ? new StoredFile(key, Text(name), purpose, bytes, createdAt)
            : null;

    // Whoever may write to storage may have written something else there.
    private static string Text(string base64)
    {
        Span<byte> bytes = stackalloc byte[base64.Length];
        return Convert.TryFromBase64String(base64, bytes, out int count) ? Encoding.UTF8.GetString(bytes[..count]) : base64;
    }
}
