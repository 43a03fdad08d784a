using System.Text.Json;
using Gemma2.Storage.Models;

namespace Gemma2.Cli.Hub;

/// <summary>A file of a repository.</summary>
/// <param name="Path">Its path in the repository.</param>
/// <param name="Size">Its length in bytes.</param>
/// <param name="Hash">What its bytes sum up to.</param>
internal sealed record HubEntry(string Path, long Size, ContentHash Hash);

/// <summary>A repository as it is at one commit.</summary>
/// <param name="Commit">The commit, 40 hexadecimal digits.</param>
/// <param name="Files">All files whose lengths and hashes are known.</param>
internal sealed record HubRepository(string Commit, IReadOnlyList<HubEntry> Files)
{
    /// <summary>
    /// Reads the answer to <c>GET /api/models/OWNER/NAME/revision/REVISION?blobs=true</c>: <c>sha</c>, and for each file in <c>siblings</c> <c>rfilename</c>, <c>size</c>, <c>blobId</c>
    /// (Git's hash) and, where the file is in LFS, <c>lfs</c> with <c>sha256</c> and <c>size</c>. Source: huggingface_hub, hf_api.py, ModelInfo.
    /// </summary>
    /// <param name="label">The repository, for messages.</param>
    /// <param name="json">The answer.</param>
    /// <exception cref="HubException">It is no such answer.</exception>
    public static HubRepository Parse(string label, ReadOnlyMemory<byte> json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            string? commit = Text(document.RootElement, "sha");
            if (!IsHex(commit, 40)) throw new JsonException("it names no commit");
            if (!document.RootElement.TryGetProperty("siblings", out JsonElement files) || files.ValueKind != JsonValueKind.Array) throw new JsonException("it lists no files");
            return new HubRepository(commit!, [.. files.EnumerateArray().Select(Entry).OfType<HubEntry>()]);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new HubException($"{label}: the answer is not one of the hub's: {error.Message}", error) { MayPass = true };
        }
    }

    private static HubEntry? Entry(JsonElement file)
    {
        if (Text(file, "rfilename") is not { Length: > 0 } path || Number(file, "size") is not { } size) return null;
        if (file.TryGetProperty("lfs", out JsonElement lfs) && lfs.ValueKind == JsonValueKind.Object)
            return Text(lfs, "sha256") is { } sha256 && IsHex(sha256, 64) ? new HubEntry(path, Number(lfs, "size") ?? size, ContentHash.Sha256(sha256.ToLowerInvariant())) : null;
        return Text(file, "blobId") is { } blob && IsHex(blob, 40) ? new HubEntry(path, size, new ContentHash(ContentHashKind.GitBlob, blob.ToLowerInvariant())) : null;
    }

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long? Number(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number
        && value.TryGetInt64(out long number) && number >= 0 ? number : null;

    private static bool IsHex(string? text, int digits) => text?.Length == digits && text.All(char.IsAsciiHexDigit);
}
