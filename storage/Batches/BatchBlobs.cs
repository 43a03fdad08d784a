using System.Globalization;
using Gemma2.Storage.Jobs;

namespace Gemma2.Storage.Batches;

/// <summary>Where a batch's blobs are in the container <c>batches</c>.</summary>
internal static class BatchBlobs
{
    /// <summary>What every batch's id begins with; no owner's name does.</summary>
    public const string IdPrefix = "batch_";

    /// <summary>Markers of batches that have not ended: <c>_active/KEY</c>. No owner's name and no batch's id begins with '_'.</summary>
    public const string ActivePrefix = "_active/";

    private const string RecordName = "batch.json";

    public static string Folder(OwnedId key) => $"{key.Path}/";

    public static string Record(OwnedId key) => $"{key.Path}/{RecordName}";

    public static string Plan(OwnedId key) => $"{key.Path}/plan.json";

    public static string Chunks(OwnedId key) => $"{key.Path}/chunks/";

    public static string Chunk(OwnedId key, int chunk) => Chunks(key) + Name(chunk);

    public static string Results(OwnedId key) => $"{key.Path}/results/";

    public static string Output(OwnedId key, int chunk) => $"{Results(key)}{Name(chunk)}{OutputEnding}";

    public static string Errors(OwnedId key, int chunk) => $"{Results(key)}{Name(chunk)}.errors.jsonl";

    public static string Active(OwnedId key) => ActivePrefix + key.Path;

    /// <summary>The number of the chunk whose output a blob is; null when it is none.</summary>
    public static int? OutputOf(string blob) => blob.EndsWith(OutputEnding, StringComparison.Ordinal) ? Number(blob[..^OutputEnding.Length]) : null;

    /// <summary>The number of the chunk that a blob's name ends with; null when it ends with none.</summary>
    public static int? Number(string blob) =>
        int.TryParse(blob.AsSpan(blob.LastIndexOf('/') + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int chunk) ? chunk : null;

    /// <summary>The batch that a path names, <c>ID</c> or <c>OWNER/ID</c>; null when it names none.</summary>
    public static OwnedId? TryParseKey(string path)
    {
        int slash = path.IndexOf('/', StringComparison.Ordinal);
        var key = slash < 0 ? new OwnedId(null, path) : new OwnedId(path[..slash], path[(slash + 1)..]);
        bool isValid = key.Id.StartsWith(IdPrefix, StringComparison.Ordinal) && JobId.IsValid(key.Id) && (key.Owner is null || OwnedId.IsValidOwner(key.Owner));
        return isValid ? key : null;
    }

    private const string OutputEnding = ".output.jsonl";

    private static string Name(int chunk) => chunk.ToString("D5", CultureInfo.InvariantCulture);
}
