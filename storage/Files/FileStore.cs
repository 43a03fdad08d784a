using System.Runtime.CompilerServices;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Gemma2.Backend;

namespace Gemma2.Storage.Files;

/// <summary>Files in the container <c>files</c>, one blob <c>KEY</c> each, with name and purpose as metadata; a file is there whole or not at all.</summary>
/// <param name="connection">The storage account.</param>
public sealed class FileStore(StorageConnection connection)
{
    /// <summary>A file is at most this long: 200 MiB.</summary>
    public const long MaxBytes = 200L << 20;

    /// <summary>A name is at most this long, in UTF-16 characters.</summary>
    public const int MaxNameLength = 255;

    /// <summary>The purpose of a batch's input.</summary>
    public const string BatchPurpose = "batch";

    /// <summary>The purpose of what a batch has made.</summary>
    public const string BatchOutputPurpose = "batch_output";

    // An open file has at most two ranges in memory: enough for a reader that works on the first while the second comes.
    private const int RangeBytes = 4 << 20;
    private const int ParallelRanges = 2;

    private readonly BlobContainerClient _container = connection.Blobs.GetBlobContainerClient(StorageNames.Files);

    /// <summary>A new id that cannot be guessed; later ones sort later.</summary>
    public static string NewId() => $"file-{Guid.CreateVersion7():N}";

    /// <summary>Stores a stream as a file, in blocks: never whole in memory.</summary>
    /// <param name="key">Whose it will be and its id, from <see cref="NewId"/>.</param>
    /// <param name="name">Its name, 1 to 255 characters, any of them.</param>
    /// <param name="purpose"><see cref="BatchPurpose"/>.</param>
    /// <param name="content">Read to its end.</param>
    /// <param name="sent">Told of the bytes stored so far.</param>
    /// <param name="cancellationToken">Ends the upload; nothing is stored.</param>
    /// <param name="lifetime">How long it is kept, see <see cref="FileLifetime"/>; asked when the content has ended, null keeps it.</param>
    /// <exception cref="InvalidRequestException">The file is empty, or its name or id is not allowed.</exception>
    /// <exception cref="FileTooLongException">The file is longer than <see cref="MaxBytes"/>.</exception>
    /// <exception cref="StorageException">Storage failed, or there is another file of that id.</exception>
    public async Task<StoredFile> UploadAsync(
        OwnedId key, string name, string purpose, Stream content, IProgress<long>? sent, CancellationToken cancellationToken, Func<TimeSpan?>? lifetime = null)
    {
        if (name.Length is 0 or > MaxNameLength)
            throw new InvalidRequestException("file", $"The file's name has {name.Length} characters; allowed are 1 to {MaxNameLength}.");
        var upload = new FileUpload(connection, _container.GetBlockBlobClient(key.Validated().Path));
        bool written = await upload.RunAsync(content, () => FileMetadata.Of(name, purpose, lifetime?.Invoke()), sent, cancellationToken);
        // A file that was there is the one of an earlier try whose reply was lost: ids are used once.
        StoredFile? stored = await TryGetAsync(key, cancellationToken, evenExpired: true);
        if (stored is not null && (written || (stored.Name == name && stored.Purpose == purpose))) return stored;
        throw new StorageException($"Uploading file {key} failed: another was stored or deleted under this id at the same time.");
    }

    /// <summary>What is known of a file; null when there is none, or it has expired.</summary>
    /// <param name="key">Which file.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <param name="evenExpired">Give it after its time too, as long as it is there: a batch that has begun goes on with its input.</param>
    /// <exception cref="InvalidRequestException">The id is not allowed.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<StoredFile?> TryGetAsync(OwnedId key, CancellationToken cancellationToken, bool evenExpired = false) =>
        (await TryFindAsync(key, evenExpired, cancellationToken))?.File;

    /// <summary>An owner's files, oldest first, without those that have expired.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async IAsyncEnumerable<StoredFile> ListAsync(string? owner, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string prefix = owner is null ? "" : $"{owner}/";
        string? next = null;
        do
        {
            Page<BlobHierarchyItem> page = await ListPageAsync(prefix, next, cancellationToken);
            foreach (BlobItem blob in page.Values.Where(item => item.IsBlob).Select(item => item.Blob))
            {
                var key = new OwnedId(owner, blob.Name[prefix.Length..]);
                BlobItemProperties properties = blob.Properties;
                if (FileMetadata.Read(key, blob.Metadata, properties.ContentLength ?? 0, properties.CreatedOn.GetValueOrDefault()) is { } file && !HasExpired(file))
                    yield return file;
            }
            next = page.ContinuationToken;
        }
        while (!string.IsNullOrEmpty(next));
    }

    /// <summary>Opens a file, or a part of it, for reading once; broken downloads are taken up again inside. Null when there is none, or it has expired.</summary>
    /// <param name="key">Which file.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Number of bytes; null, or more than there are, reads to the end.</param>
    /// <param name="cancellationToken">Ends the call and every read of the stream.</param>
    /// <param name="evenExpired">Open it after its time too, as <see cref="TryGetAsync"/>.</param>
    /// <exception cref="InvalidRequestException">The id is not allowed.</exception>
    /// <exception cref="StorageException">Storage failed; reads throw it too, also when the file is deleted meanwhile.</exception>
    public async Task<Stream?> TryOpenReadAsync(OwnedId key, long offset, long? length, CancellationToken cancellationToken, bool evenExpired = false)
    {
        if (await TryFindAsync(key, evenExpired, cancellationToken) is not { } found) return null;
        BlobClient blob = _container.GetBlobClient(key.Path);
        long there = Math.Max(found.File.Bytes - offset, 0);
        return new ReadAheadStream(FetchAsync, Math.Min(length ?? there, there), RangeBytes, ParallelRanges);

        async Task FetchAsync(long position, Memory<byte> buffer, CancellationToken closing)
        {
            using var cancel = CancellationTokenSource.CreateLinkedTokenSource(closing, cancellationToken);
            await connection.Pipeline.TransferAsync(
                $"Reading file {key}", ParallelRanges * RangeBytes, token => BlobRange.ReadAsync(blob, found.Version, offset + position, buffer, token), cancel.Token);
        }
    }

    /// <summary>Deletes a file; false when there was none.</summary>
    /// <exception cref="InvalidRequestException">The id is not allowed.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<bool> DeleteAsync(OwnedId key, CancellationToken cancellationToken)
    {
        if (await TryFindAsync(key, evenExpired: false, cancellationToken) is null) return false;
        await connection.Pipeline.RunAsync(
            $"Deleting file {key}", token => _container.DeleteBlobIfExistsAsync(key.Path, cancellationToken: token), cancellationToken);
        return true;
    }

    private bool HasExpired(StoredFile file) => file.ExpiresAt <= connection.UtcNow;

    private async Task<(StoredFile File, ETag Version)?> TryFindAsync(OwnedId key, bool evenExpired, CancellationToken cancellationToken)
    {
        BlobClient blob = _container.GetBlobClient(key.Validated().Path);
        try
        {
            BlobProperties found = await connection.Pipeline.RunAsync(
                $"Looking for file {key}", async token => (await blob.GetPropertiesAsync(cancellationToken: token)).Value, cancellationToken);
            return FileMetadata.Read(key, found.Metadata, found.ContentLength, found.CreatedOn) is { } file && (evenExpired || !HasExpired(file)) ? (file, found.ETag) : null;
        }
        catch (StorageException e) when (e.IsMissing)
        {
            return null;
        }
    }

    private Task<Page<BlobHierarchyItem>> ListPageAsync(string prefix, string? next, CancellationToken cancellationToken) => connection.Pipeline.RunAsync(
        "Listing files",
        async token => await _container.GetBlobsByHierarchyAsync(BlobTraits.Metadata, BlobStates.None, "/", prefix, token).AsPages(next).FirstAsync(token),
        cancellationToken);
}
