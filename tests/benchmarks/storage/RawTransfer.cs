using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace Gemma2.Benchmarks.Storage;

/// <summary>
/// The measure that a batch is held against: its bytes as plain blobs, as often as a batch must move them. The input goes up and comes down twice (split,
/// chunks); the output goes up three times (checkpoints, results, file) and comes down once (what Azurite cannot copy by itself).
/// </summary>
internal sealed class RawTransfer(string connectionString)
{
    private const int BlockBytes = 4 << 20;

    private readonly BlobContainerClient _container = new(connectionString, "raw");

    public async Task RunAsync(long inputBytes, long outputBytes)
    {
        await _container.CreateIfNotExistsAsync();
        await UploadAsync("input", inputBytes);
        await DownloadAsync("input");
        await DownloadAsync("input");
        for (int copy = 0; copy < 3; copy++) await UploadAsync($"output{copy}", outputBytes);
        await DownloadAsync("output0");
    }

    private async Task UploadAsync(string name, long bytes)
    {
        BlockBlobClient blob = _container.GetBlockBlobClient(name);
        byte[] block = new byte[BlockBytes];
        var ids = new List<string>();
        for (long left = bytes; left > 0; left -= BlockBytes)
        {
            ids.Add(Convert.ToBase64String(BitConverter.GetBytes(ids.Count)));
            await blob.StageBlockAsync(ids[^1], new MemoryStream(block, 0, (int)Math.Min(left, BlockBytes)));
        }
        await blob.CommitBlockListAsync(ids);
    }

    private async Task DownloadAsync(string name)
    {
        using BlobDownloadStreamingResult download = await _container.GetBlobClient(name).DownloadStreamingAsync();
        await download.Content.CopyToAsync(Stream.Null);
    }
}
