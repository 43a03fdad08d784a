namespace Gemma2.Storage.Files;

/// <summary>A stored file: what a batch reads or has made.</summary>
/// <param name="Key">Whose it is and its id, <c>file-...</c>.</param>
/// <param name="Name">The name that its maker gave it. Never a part of a path.</param>
/// <param name="Purpose"><c>batch</c> for input, <c>batch_output</c> for what a batch made.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="CreatedAt">When it was stored, by storage's clock.</param>
public sealed record StoredFile(OwnedId Key, string Name, string Purpose, long Bytes, DateTimeOffset CreatedAt);

/// <summary>Files in the container <c>files</c>, one blob <c>KEY</c> each, with name and purpose as metadata; a file is there whole or not at all.</summary>
/// <param name="connection">The storage account.</param>
public sealed class FileStore(StorageConnection connection)
{
    /// <summary>A file is at most this long: 200 MiB.</summary>
    public const long MaxBytes = 200L << 20;

    /// <summary>The purpose of a batch's input.</summary>
    public const string BatchPurpose = "batch";

    /// <summary>The purpose of what a batch has made.</summary>
    public const string BatchOutputPurpose = "batch_output";

    /// <summary>A new id that cannot be guessed; later ones sort later.</summary>
    public static string NewId() => $"file-{Guid.CreateVersion7():N}";

    /// <summary>Stores a stream as a file, in blocks: never whole in memory.</summary>
    /// <param name="key">Whose it will be and its id, from <see cref="NewId"/>.</param>
    /// <param name="name">Its name, 1 to 255 characters, any of them.</param>
    /// <param name="purpose"><see cref="BatchPurpose"/>.</param>
    /// <param name="content">Read to its end.</param>
    /// <param name="sent">Told of the bytes stored so far.</param>
    /// <param name="cancellationToken">Ends the upload; nothing is stored.</param>
    /// <exception cref="Backend.InvalidRequestException">The file is empty or longer than <see cref="MaxBytes"/>, or its name is not allowed.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<StoredFile> UploadAsync(
        OwnedId key, string name, string purpose, Stream content, IProgress<long>? sent, CancellationToken cancellationToken) => throw new NotImplementedException($"{connection}");

    /// <summary>What is known of a file; null when there is none.</summary>
    public Task<StoredFile?> TryGetAsync(OwnedId key, CancellationToken cancellationToken) => throw new NotImplementedException($"{connection}");

    /// <summary>An owner's files, oldest first.</summary>
    public IAsyncEnumerable<StoredFile> ListAsync(string? owner, CancellationToken cancellationToken) => throw new NotImplementedException($"{connection}");

    /// <summary>Opens a file, or a part of it, for reading once; broken downloads are taken up again inside. Null when there is none.</summary>
    /// <param name="key">Which file.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Number of bytes; null reads to the end.</param>
    /// <param name="cancellationToken">Ends the call and every read of the stream.</param>
    public Task<Stream?> TryOpenReadAsync(OwnedId key, long offset, long? length, CancellationToken cancellationToken) => throw new NotImplementedException($"{connection}");

    /// <summary>Deletes a file; false when there was none.</summary>
    public Task<bool> DeleteAsync(OwnedId key, CancellationToken cancellationToken) => throw new NotImplementedException($"{connection}");
}
