using System.Globalization;
using System.Text;
using Azure;
using Azure.Core;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Azure.Storage.Sas;

namespace Gemma2.Storage.Files;

/// <summary>A blob that becomes a part of a file.</summary>
/// <param name="Index">Its place among the parts.</param>
/// <param name="Name">Its name.</param>
/// <param name="Bytes">Its length; not 0.</param>
internal readonly record struct FilePart(int Index, string Name, long Bytes);

/// <summary>Makes a file of blobs, which the service itself copies: their bytes do not travel through this process.</summary>
/// <param name="connection">The storage account.</param>
/// <param name="container">Where the parts are.</param>
internal sealed class FileConcatenation(StorageConnection connection, string container)
{
    private const int ParallelParts = 8;

    // Of an identity's token for the service, whichever account it is.
    private const string Scope = "https://storage.azure.com/.default";

    private static readonly TimeSpan SignatureLifetime = TimeSpan.FromHours(1);

    /// <summary>Makes the file unless it is there. Several workers may do so at once, with the same parts: one makes it, the others find it.</summary>
    /// <param name="file">Whose it will be and its id.</param>
    /// <param name="name">Its name.</param>
    /// <param name="lifetime">How long it is kept; null keeps it.</param>
    /// <param name="parts">What it is made of.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="StorageException">Storage failed, or a part is gone (status 404).</exception>
    public async Task WriteOnceAsync(OwnedId file, string name, TimeSpan? lifetime, IReadOnlyList<FilePart> parts, CancellationToken cancellationToken)
    {
        BlockBlobClient blob = connection.Blobs.GetBlobContainerClient(StorageNames.Files).GetBlockBlobClient(file.Path);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = ParallelParts, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(parts, parallel, async (part, token) =>
        {
            if (!await TryCopyAsync(blob, part, token)) await PassThroughAsync(blob, part, token);
        });
        var options = new CommitBlockListOptions
        {
            Conditions = new BlobRequestConditions { IfNoneMatch = ETag.All },
            HttpHeaders = new BlobHttpHeaders { ContentType = "application/octet-stream" },
            Metadata = FileMetadata.Of(name, FileStore.BatchOutputPurpose, lifetime),
        };
        try
        {
            await RunAsync(blob, 0, token => blob.CommitBlockListAsync(parts.Select(part => BlockId(part.Index)), options, token), cancellationToken);
        }
        catch (StorageException e) when (e.Code is "BlobAlreadyExists" or "ConditionNotMet")
        {
            // An earlier try of this call, or another worker, made it.
        }
    }

    private static string BlockId(int index) => Convert.ToBase64String(Encoding.ASCII.GetBytes(index.ToString("D6", CultureInfo.InvariantCulture)));

    /// <summary>Lets the service copy a part; false where it cannot: the emulator does not know the operation, and a firewall may keep the service from itself.</summary>
    private async Task<bool> TryCopyAsync(BlockBlobClient blob, FilePart part, CancellationToken cancellationToken)
    {
        BlockBlobClient source = Source(part);
        return await RunAsync(blob, part.Bytes, CopyAsync, cancellationToken);

        async Task<bool> CopyAsync(CancellationToken token)
        {
            var options = new StageBlockFromUriOptions { SourceAuthentication = await AuthenticationAsync(token) };
            try
            {
                await blob.StageBlockFromUriAsync(ReadableUri(source), BlockId(part.Index), options, token);
                return true;
            }
            // An answer, not a failure that may pass: caught here, where it is not tried again.
            catch (RequestFailedException e) when (e.Status == 501 || e.ErrorCode == "CannotVerifyCopySource")
            {
                return false;
            }
        }
    }

    private async Task PassThroughAsync(BlockBlobClient blob, FilePart part, CancellationToken cancellationToken)
    {
        BlockBlobClient source = Source(part);
        byte[] content = await RunAsync(source, part.Bytes, async token => (await source.DownloadContentAsync(token)).Value.Content.ToArray(), cancellationToken);
        await RunAsync(blob, part.Bytes, token => blob.StageBlockAsync(BlockId(part.Index), new MemoryStream(content), cancellationToken: token), cancellationToken);
    }

    /// <summary>The part's address as the service itself can read it: signed where this process has the account's key.</summary>
    private Uri ReadableUri(BlockBlobClient source) => source.CanGenerateSasUri
        ? source.GenerateSasUri(BlobSasPermissions.Read, connection.UtcNow + SignatureLifetime)
        : source.Uri;

    private async ValueTask<HttpAuthorization?> AuthenticationAsync(CancellationToken cancellationToken)
    {
        if (connection.Identity is not { } identity) return null;
        AccessToken token = await identity.GetTokenAsync(new TokenRequestContext([Scope]), cancellationToken);
        return new HttpAuthorization("Bearer", token.Token);
    }

    private BlockBlobClient Source(FilePart part) => connection.Blobs.GetBlobContainerClient(container).GetBlockBlobClient(part.Name);

    private Task<T> RunAsync<T>(BlockBlobClient blob, long bytes, Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        connection.Pipeline.TransferAsync($"Making file of {blob.BlobContainerName}/{blob.Name}", ParallelParts * bytes, call, cancellationToken);
}
